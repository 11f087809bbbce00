// The rules that take part in validation, in the order in which they run, with what each costs.
import { useState } from 'preact/hooks';
import { api, everything, type RuleCost, type RuleVersion } from '../api';
import { compact, duration, number, plural } from '../pure/format';
import { byRule, speaking, valuesText } from '../pure/rules';
import { localMinute } from '../pure/time';
import { share } from '../part/deploy';
import { HERE } from '../part/file';
import { useLoad } from '../part/load';
import { History, ruleLink } from '../part/history';
import { Empty, Show } from '../part/state';

const PAGES = 2, LIMIT = 1000; // more rules than a tenant may have

export function RulesPage({ query }: { query: Record<string, string> }) {
    const loaded = useLoad('rules', async signal => {
        let costs: Record<string, RuleCost> = {};
        const page = await everything(async cursor => {
            const answer = await api.rules({ limit: LIMIT, cursor }, signal);
            costs = answer.costs;
            return answer;
        }, PAGES);
        return { ...page, costs };
    });
    return (
        <>
            <h1>Rules</h1>
            {query.gone && <p class="done" role="status">The rule <code>{query.gone}</code> had no other version: it is gone.</p>}
            <Show of={loaded}>{page => page.items.length === 0
                ? (
                    <Empty title="No rule is deployed">A rule is a few lines of Python that judge values of every meter. <code>busbar rules new NAME</code> begins one,
                        {' '}<code>busbar rules deploy NAME</code> lets it take part in validation; docs/rules.md takes ten minutes.</Empty>
                )
                : (
                    <>
                        <p class="muted">In the order in which they run; times are of {HERE}. Costs are processor time since the server started.</p>
                        <div class="scroll" tabIndex={0} role="region" aria-label="Deployed rules">
                            <table class="rows">
                                <thead><tr><th scope="col">Rule</th><th scope="col">Judges</th><th scope="col">Version that speaks</th><th scope="col">Since</th><th scope="col">Who and why</th><th scope="col">Cost</th></tr></thead>
                                <tbody>{byRule(page.items).map(({ rule, versions }, i) => <Row key={rule} place={i + 1} versions={versions} cost={page.costs[rule]} />)}</tbody>
                            </table>
                        </div>
                    </>
                )}</Show>
            <History />
        </>
    );
}

function Row({ place, versions, cost }: { place: number; versions: RuleVersion[]; cost: RuleCost | undefined }) {
    const [open, setOpen] = useState(false);
    const [last] = versions;
    return (
        <>
            <tr>
                <th scope="row" class="nowrap"><span class="muted">{place}</span> <a class="mono" href={ruleLink(last.rule)}>{last.rule}</a></th>
                <td><span class="tag">{last.lane}</span><code class="nowrap">{last.channel}</code>{last.commodity && <span class="muted"> {last.commodity}</span>}</td>
                <td><code>{last.version}</code> <Canary version={last} /><br />
                    <button class="link" aria-expanded={open} onClick={() => setOpen(!open)}>{open ? 'Hide' : 'Show'} {plural(versions.length, 'version')}</button></td>
                <td class="nowrap">{localMinute(Date.parse(last.deployed), HERE)}</td>
                <td class="said">{last.by && <>{last.by}: </>}{last.reason || <span class="muted">no reason was told</span>}</td>
                <td>{cost && <Cost cost={cost} />}</td>
            </tr>
            {open && <tr class="detail"><td colSpan={6}><VersionTable versions={versions} /></td></tr>}
        </>
    );
}

export function Canary({ version }: { version: RuleVersion }) {
    return version.share < 1 ? <span class="tag warn">canary, {share(version.share)} of the meters</span> : null;
}

export function VersionTable({ versions }: { versions: RuleVersion[] }) {
    const time = (text: string | null | undefined) => text ? localMinute(Date.parse(text), HERE) : '';
    const speak = speaking(versions).length;
    return (
        <table class="small">
            <thead><tr><th scope="col">Version</th><th scope="col">Parameters</th><th scope="col">Speaks of</th><th scope="col">Deployed</th><th scope="col">Who and why</th></tr></thead>
            <tbody>{versions.map((version, i) => (
                <tr key={version.version + version.deployed}>
                    <th scope="row"><code>{version.version}</code> {i < speak && <span class="tag good">speaks</span>}<Canary version={version} /></th>
                    <td>{valuesText(version.parameters) || <span class="muted">as the author says</span>}</td>
                    <td>{version.from ? <>values since {time(version.from)}</> : 'all values'}{version.to && <> until {time(version.to)}</>}</td>
                    <td class="nowrap">{time(version.deployed)}</td>
                    <td class="said">{version.by && <>{version.by}: </>}{version.reason || <span class="muted">no reason was told</span>}</td>
                </tr>
            ))}</tbody>
        </table>
    );
}

function Cost({ cost }: { cost: RuleCost }) {
    if (cost.windows === 0) return <span class="muted">not asked yet</span>;
    return (
        <>
            {duration(cost.seconds)}{cost.seconds > 0 && <span class="muted">, {compact(cost.windows / cost.seconds)} windows/s</span>}
            {cost.failures > 0 && <> <span class="tag bad">{number(cost.failures)} failed</span></>}
        </>
    );
}
