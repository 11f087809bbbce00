// Two small charts of one series: how long which demand lasts, and days laid over each other.
import { useMemo, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { percent, plural, rounded } from '../pure/format';
import { Shade } from '../pure/quality';
import { dayProfiles, durationCurve, rate, unsuspected, type DayProfile, type Series } from '../pure/series';
import { dateShort, dateWords, HOUR, isDate, localDays, type LocalDay } from '../pure/time';
import { Figure } from './figure';
import { axis, Plot } from './plot';
import { usePalette, type Palette } from './theme';

const SHARES = [0, 0.1, 1, 2, 5, 10, 25, 50, 75, 90, 95, 99, 100];

function durationOptions(palette: Palette, unit: string, show: (index: number | null) => void): Omit<uPlot.Options, 'width' | 'height'> {
    return {
        legend: { show: false },
        padding: [10, 24, 0, 0],
        scales: { x: { time: false, range: [0, 100] }, y: { range: (_, min, max) => uPlot.rangeNum(Math.min(0, min), max, 0.08, true) as [number, number] } },
        series: [{}, { stroke: palette.measured, width: 1.6, fill: `${palette.measured}18`, points: { show: false } }],
        axes: [
            axis(palette, { values: (_, ticks) => ticks.map(tick => `${tick} %`) }),
            axis(palette, { size: 58, label: unit, values: (_, ticks) => ticks.map(rounded) }),
        ],
        cursor: { y: false, drag: { x: false, y: false } },
        hooks: { setCursor: [plot => show(plot.cursor.idx ?? null)] },
    };
}

export function Duration({ series }: { series: Series }) {
    const palette = usePalette();
    const [index, setIndex] = useState<number | null>(null);
    const { curve, data, unit } = useMemo(() => {
        const rates = rate(unsuspected(series));
        const curve = durationCurve(rates.value);
        const steps = Math.min(curve.length, 1000); // the eye has no more pixels than that
        const x = Array.from({ length: steps }, (_, i) => steps > 1 ? i / (steps - 1) * 100 : 0);
        const y = x.map(share => curve[Math.round(share / 100 * (curve.length - 1))]);
        return { curve, data: [x, y] as uPlot.AlignedData, unit: rates.unit };
    }, [series]);
    const options = useMemo(() => durationOptions(palette, unit, setIndex), [palette.key, unit]);
    const suspect = series.shade.reduce((sum, shade) => sum + Number(shade === Shade.Suspect), 0);
    const at = (share: number) => curve[Math.round(share / 100 * (curve.length - 1))];
    const summary = curve.length
        ? `Peak ${rounded(at(0))} ${unit}; half the time at least ${rounded(at(50))} ${unit}, 95 % of it at least ${rounded(at(95))} ${unit}${suspect ? `; ${plural(suspect, 'suspect value')} left out` : ''}.`
        : 'There are no values to sort.';
    return (
        <Figure title="Load duration" summary={summary}
            table={{ columns: ['Share of time', `At least, ${unit}`], numeric: [0, 1], count: curve.length ? SHARES.length : 0, row: i => [`${SHARES[i]} %`, rounded(at(SHARES[i]))] }}>
            <div role="img" aria-label={summary}><Plot options={options} data={data} height={230} /></div>
            <output class="readout">{index === null || index === undefined || !curve.length ? 'Values from greatest to least.'
                : `${percent(data[0][index] as number, 100)} of the time at least ${rounded(data[1][index])} ${unit}`}</output>
        </Figure>
    );
}

/** Steps over the hours since a day began; a day ends where it ends. */
function overlay(profiles: DayProfile[]): uPlot.AlignedData {
    return uPlot.join(profiles.map(profile => {
        const last = profile.hour.length - 1;
        const step = last > 0 ? profile.hour[last] - profile.hour[last - 1] : 1;
        const value = profile.value.map(v => Number.isNaN(v) ? null : v);
        return [[...profile.hour, (profile.hour[last] ?? 0) + step], [...value, value[last] ?? null]] as uPlot.AlignedData;
    })) as uPlot.AlignedData;
}

const DASHES = [[], [], [6, 3], [2, 3], [8, 3, 2, 3], [1, 2], [10, 4]];

function compareOptions(palette: Palette, profiles: DayProfile[], unit: string): Omit<uPlot.Options, 'width' | 'height'> {
    const hours = Math.max(24, ...profiles.map(profile => (profile.day.end - profile.day.start) / HOUR));
    return {
        legend: { show: false },
        padding: [10, 24, 0, 0],
        scales: { x: { time: false, range: [0, hours] }, y: { range: (_, min, max) => uPlot.rangeNum(Math.min(0, min), max, 0.08, true) as [number, number] } },
        series: [{}, ...profiles.map((_, i) => ({
            stroke: palette.series[i % palette.series.length], width: i === 0 ? 2 : 1.2, dash: DASHES[i % DASHES.length],
            paths: uPlot.paths.stepped!({ align: 1 }), points: { show: false },
        }))],
        axes: [
            axis(palette, { incrs: [1, 2, 3, 4, 6], space: 40, values: (_, ticks) => ticks.map(tick => `${tick} h`) }),
            axis(palette, { size: 58, label: unit, values: (_, ticks) => ticks.map(rounded) }),
        ],
        cursor: { y: false, drag: { x: false, y: false } },
    };
}

/** The days of the address, else the last seven whole ones. */
export function chosenDays(text: string | undefined, days: LocalDay[]): string[] {
    const named = (text ?? '').split(',').filter(isDate);
    return named.length ? named.slice(0, 7) : days.slice(-7).map(day => day.date).reverse();
}

export function Compare({ series, from, to, days: text, onDays }: {
    series: Series; from: number; to: number; days: string | undefined; onDays: (days: string[]) => void;
}) {
    const palette = usePalette();
    const [wanted, setWanted] = useState('');
    const rates = useMemo(() => rate(unsuspected(series)), [series]);
    const all = useMemo(() => dayProfiles(series, rates.value, localDays(from, to, series.zone)), [series, rates, from, to]);
    const whole = all.filter(profile => profile.hour.length > 0 && profile.day.start >= from && profile.day.end <= to);
    const dates = chosenDays(text, whole.map(profile => profile.day));
    const stamp = dates.join();
    const profiles = useMemo(() => dates.map(date => all.find(profile => profile.day.date === date)).filter(profile => profile !== undefined),
        [all, stamp]);
    const options = useMemo(() => compareOptions(palette, profiles, rates.unit), [palette.key, profiles, rates.unit]);
    const data = useMemo(() => profiles.length ? overlay(profiles) : [[], []] as uPlot.AlignedData, [profiles]);
    const peaks = useMemo(() => whole.filter(profile => profile.max > -Infinity).sort((a, b) => b.max - a.max).slice(0, 5), [all]);

    const hoursOf = (day: LocalDay) => (day.end - day.start) / HOUR;
    const odd = profiles.filter(profile => hoursOf(profile.day) !== 24);
    const summary = profiles.length
        ? `${profiles.length} ${profiles.length === 1 ? 'day' : 'days'} by hours since each began`
            + (odd.length ? `; ${odd.map(profile => `${dateShort(profile.day.date)} has ${hoursOf(profile.day)} of them`).join(', ')}` : '') + '.'
        : 'No whole day is in view: choose a longer period, or name a day.';
    const add = (date: string) => { if (isDate(date) && !dates.includes(date)) onDays([date, ...dates].slice(0, 7)); };

    return (
        <Figure title="Compare days" summary={summary}
            actions={
                <form class="inline" onSubmit={event => { event.preventDefault(); add(wanted); setWanted(''); }}>
                    <label class="hidden" for="compare-day">Day to add</label>
                    <input id="compare-day" type="date" value={wanted} onInput={event => setWanted(event.currentTarget.value)} />
                    <button disabled={!isDate(wanted)}>Add</button>
                </form>
            }
            table={{
                columns: ['Hour', ...profiles.map(profile => dateShort(profile.day.date))], numeric: profiles.map((_, i) => i + 1).concat(0),
                count: profiles.length ? data[0].length - 1 : 0,
                row: i => [rounded(data[0][i]), ...profiles.map((_, j) => rounded(data[j + 1][i] as number | null))],
            }}>
            <div role="img" aria-label={summary}>
                {profiles.length > 0 && <Plot options={options} data={data} height={230} />}
            </div>
            <ul class="chips">
                {profiles.map((profile, i) => (
                    <li key={profile.day.date}>
                        <svg width="18" height="8" aria-hidden="true"><line x1="0" y1="4" x2="18" y2="4" stroke={palette.series[i]} stroke-width="2.5" stroke-dasharray={DASHES[i].join(' ')} /></svg>
                        {dateWords(profile.day.date)}{hoursOf(profile.day) !== 24 && ` (${hoursOf(profile.day)} h)`}
                        <button class="plain" aria-label={`Remove ${dateWords(profile.day.date)}`}
                            onClick={() => onDays(dates.filter(date => date !== profile.day.date))}>×</button>
                    </li>
                ))}
            </ul>
            {peaks.length > 0 && (
                <p class="peaks">Highest peaks: {peaks.map((profile, i) => (
                    <>{i > 0 && ', '}<button class="link" onClick={() => add(profile.day.date)}>{dateShort(profile.day.date)}</button>{` ${rounded(profile.max)}`}</>
                ))} {rates.unit}</p>
            )}
        </Figure>
    );
}

