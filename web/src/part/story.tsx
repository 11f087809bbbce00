// How a value came to be: every version that was told, what checks found, how an estimate was made, what a period is
// made of. And the place to tell another value.
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { api, type Lane, type Story, type StoryEstimate, type StoryValue } from '../api';
import { duration, number, percent, plural, quantity, words } from '../pure/format';
import { evidenceText, verdictText } from '../pure/rules';
import { localExact, localMinute, stretch } from '../pure/time';
import { QualityBadge } from './badge';
import { EditForm } from './edit';
import { ruleLink } from './history';
import { useLoad } from './load';
import { Show } from './state';

interface Asked { usage_point: string; channel: string; at: string; lane: Lane; as_of?: string; zone: string }

export function StoryPanel({ asked, onClose }: { asked: Asked; onClose: () => void }) {
    const { zone, ...query } = asked;
    const loaded = useLoad(JSON.stringify(query), signal => api.story(query, signal));
    const heading = useRef<HTMLHeadingElement>(null);

    // There is no moment at which it is seen and cannot be closed, or keys still go to the chart behind it.
    useLayoutEffect(() => heading.current?.focus({ preventScroll: true }), [asked.at, asked.channel]);
    useLayoutEffect(() => {
        const escape = (event: KeyboardEvent) => { if (event.key === 'Escape' && !event.defaultPrevented) onClose(); };
        window.addEventListener('keydown', escape);
        return () => window.removeEventListener('keydown', escape);
    }, [onClose]);

    return (
        <aside class="story" aria-label="The story of a value">
            <header>
                <h2 ref={heading} tabIndex={-1}>Story of a value</h2>
                <button class="plain" aria-label="Close the story" onClick={onClose}>×</button>
            </header>
            <Show of={loaded} rows={6}>{story => <Telling key={`${story.channel} ${story.end} ${story.lane}`} story={story} zone={zone} />}</Show>
        </aside>
    );
}

const span = (value: { start: string; end: string }, zone: string) => value.start === value.end
    ? localExact(Date.parse(value.end), zone)
    : stretch(Date.parse(value.start), Date.parse(value.end), zone);

function Chapter({ title, children }: { title: string; children: ComponentChildren }) {
    return <section><h3>{title}</h3>{children}</section>;
}

function Telling({ story, zone }: { story: Story; zone: string }) {
    const time = (text: string) => localExact(Date.parse(text), zone);
    const isPeriod = story.period !== null;
    return (
        <>
            <p class="big">{quantity(story.value, story.unit)}</p>
            <p><QualityBadge text={story.quality} /></p>
            <dl class="facts">
                <dt>Channel</dt><dd><code>{story.channel}</code>, {story.kind}</dd>
                <dt>Time</dt><dd>{span(story, zone)}</dd>
                {story.factor !== null && <><dt>Factor</dt><dd>× {number(story.factor)} of the installation</dd></>}
                {story.as_of && <><dt>As of</dt><dd>{time(story.as_of)}</dd></>}
            </dl>
            {!isPeriod && <Versions story={story} zone={zone} />}
            {story.findings.length > 0 && (
                <Chapter title="What checks found">
                    <ul class="findings">
                        {story.findings.map(finding => (
                            <li key={finding.check + finding.at}>
                                <strong>{words(finding.check)}</strong>{finding.hard && <span class="tag bad">hard</span>}
                                <p>{finding.evidence}</p>
                                <p class="muted">{finding.what}</p>
                            </li>
                        ))}
                    </ul>
                    {story.findings_total > story.findings.length && <p class="muted">The first {story.findings.length} of {plural(story.findings_total, 'finding')}.</p>}
                </Chapter>
            )}
            {story.rules.length > 0 && (
                <Chapter title="What rules said">
                    <ul class="findings">
                        {story.rules.map(said => (
                            <li key={said.rule + said.at}>
                                <a class="mono" href={ruleLink(said.rule)}>{said.rule}</a> {verdictText(said.said, said.reason)}
                                {said.value !== null && <> as {quantity(said.value, story.unit)}</>}
                                {story.held !== 'exact' && <> at {time(said.at)}</>}
                                {said.said === 'failure' && <pre class="code" tabIndex={0}>{said.reason}</pre>}
                                <p class="muted">{evidenceText(said.evidence)}{said.evidence && ', '}version <code>{said.version}</code></p>
                            </li>
                        ))}
                    </ul>
                </Chapter>
            )}
            {story.estimate && <Estimate estimate={story.estimate} unit={story.unit} zone={zone} />}
            {story.period && <Period story={story} zone={zone} />}
            {!isPeriod && !story.as_of && <Chapter title="Tell another value"><EditForm story={story} /></Chapter>}
        </>
    );
}

function Versions({ story, zone }: { story: Story; zone: string }) {
    if (story.versions.length === 0)
        return <Chapter title="Versions"><p>Nothing was told for this time.</p></Chapter>;
    return (
        <Chapter title={plural(story.versions.length, 'version')}>
            <ol class="versions" reversed>
                {[...story.versions].reverse().map(version => (
                    <li key={version.recorded + version.line} class={version.stands ? 'stands' : undefined}>
                        <p><strong>{quantity(version.value, version.unit)}</strong> <QualityBadge text={version.quality} />
                            {version.stands && <span class="tag good">stands</span>}</p>
                        {version.act
                            ? <p>{version.act} by {version.by}: “{version.reason}”</p>
                            : <p><code class="break">{version.source}</code>{version.line > 0 && <>, line {number(version.line)}</>}</p>}
                        <p class="muted">recorded {localExact(Date.parse(version.recorded), zone)}
                            {version.issued && <>, issued {localExact(Date.parse(version.issued), zone)}</>}
                            {!version.stands && <>; {version.why}</>}</p>
                    </li>
                ))}
            </ol>
        </Chapter>
    );
}

function End({ name, value, zone }: { name: string; value: StoryValue | null; zone: string }) {
    return value && <><dt>{name}</dt><dd>{quantity(value.value, value.unit)} <span class="muted">{span(value, zone)}</span></dd></>;
}

function Estimate({ estimate, unit, zone }: { estimate: StoryEstimate; unit: string; zone: string }) {
    const registers = estimate.registers;
    return (
        <Chapter title="How it was estimated">
            <dl class="facts">
                <dt>Method</dt><dd>{words(estimate.method)}</dd>
                {estimate.from && estimate.to && <><dt>Gap</dt><dd>{plural(estimate.intervals, 'interval')}, {span({ start: estimate.from, end: estimate.to }, zone)}</dd></>}
                <End name="Before it" value={estimate.before} zone={zone} />
                <End name="Behind it" value={estimate.after} zone={zone} />
                {estimate.band !== null && <><dt>Error</dt><dd>9 of 10 such estimates were right within {quantity(estimate.band, unit)}</dd></>}
            </dl>
            {estimate.like_days.length > 0 && (
                <table class="small">
                    <caption>The same time on like days</caption>
                    <thead><tr><th scope="col">Time</th><th scope="col" class="numeric">{unit}</th><th scope="col">Serves</th></tr></thead>
                    <tbody>{estimate.like_days.map(day => (
                        <tr key={day.end}><td>{localMinute(Date.parse(day.start), zone)}</td><td class="numeric">{number(day.value)}</td>
                            <td>{day.used ? 'the mean' : 'the error alone'}</td></tr>
                    ))}</tbody>
                </table>
            )}
            {registers && (
                <p>Registers advanced {quantity(registers.advance, unit)} ({registers.meters.map(meter =>
                    `${meter.channel} from ${number(meter.from_reading)} to ${number(meter.to_reading)} ${meter.unit}`).join('; ')}); told were {quantity(registers.told, unit)} in{' '}
                    {duration(registers.told_seconds)}, so {quantity(registers.missing, unit)} are missing; this part is scaled to {quantity(registers.scaled_to, unit)}.</p>
            )}
        </Chapter>
    );
}

const PARTS = 60;

function Period({ story, zone }: { story: Story; zone: string }) {
    const period = story.period!;
    return (
        <Chapter title="What the period is made of">
            <dl class="facts">
                <dt>Values</dt><dd>{number(period.values)}</dd>
                <dt>Covered</dt><dd>{percent(period.covered_share, 1)}, really measured {percent(period.measured_share, 1)}</dd>
                {period.register_at_start !== null && <><dt>Register</dt><dd>{number(period.register_at_start)} → {number(period.register_at_end)}</dd></>}
            </dl>
            <table class="small">
                <thead><tr><th scope="col">Part</th><th scope="col" class="numeric">{story.unit}</th><th scope="col">Quality</th></tr></thead>
                <tbody>{period.parts.slice(0, PARTS).map(part => (
                    <tr key={part.start}>
                        <td>{span(part, zone)}{part.event && part.event !== 'rise' && <span class="tag">{part.event}</span>}</td>
                        <td class="numeric">{number(part.amount)}</td><td>{part.quality.split('|')[0]}</td>
                    </tr>
                ))}</tbody>
            </table>
            {period.parts.length > PARTS && <p class="muted">The first {PARTS} of {plural(period.parts.length, 'part')}.</p>}
            {period.set_aside.map(value => <p key={value.end}>Set aside: {quantity(value.value, value.unit)} at {span(value, zone)}; {value.why}</p>)}
        </Chapter>
    );
}
