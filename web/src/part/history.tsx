// What was ever done to rules: deployed or rolled back, when, by whom and why.
import { useState } from 'preact/hooks';
import { api, everything, type RuleChange } from '../api';
import { number } from '../pure/format';
import { valuesText } from '../pure/rules';
import { localMinute } from '../pure/time';
import { formatRoute } from '../route';
import { share } from './deploy';
import { HERE } from './file';
import { useLoad } from './load';
import { Show } from './state';

const PAGES = 5, LIMIT = 1000, FIRST = 20;

export const ruleLink = (name: string) => formatRoute(['rules', name]);

/** Of one rule, or of all. */
export function History({ rule }: { rule?: string }) {
    const loaded = useLoad('history', signal => everything(cursor => api.ruleHistory({ limit: LIMIT, cursor }, signal), PAGES));
    const [shown, setShown] = useState(FIRST);
    if (loaded.data?.items.length === 0) return null;
    return (
        <section class="card">
            <h2>What was done</h2>
            <Show of={loaded}>{page => {
                const items = page.items.filter(item => rule === undefined || item.rule === rule);
                return (
                    <>
                        <div class="scroll" tabIndex={0} role="region" aria-label="What was done">
                            <table class="rows">
                                <thead><tr><th scope="col">When</th>{!rule && <th scope="col">Rule</th>}<th scope="col">What</th><th scope="col">Version</th><th scope="col">Parameters</th><th scope="col">Who and why</th></tr></thead>
                                <tbody>{items.slice(0, shown).map((item, i) => <Line key={i} item={item} withRule={!rule} />)}</tbody>
                            </table>
                        </div>
                        {shown < items.length && <p class="more">The last {number(shown)} of {number(items.length)}. <button onClick={() => setShown(items.length)}>Show all</button></p>}
                        {shown >= items.length && page.next && <p class="muted">There is more: <code>GET /v1/rules?history=true</code>.</p>}
                    </>
                );
            }}</Show>
        </section>
    );
}

function Line({ item, withRule }: { item: RuleChange; withRule: boolean }) {
    const back = item.done !== 'deployed';
    return (
        <tr>
            <td class="nowrap">{localMinute(Date.parse(item.at), HERE)}</td>
            {withRule && <td class="nowrap"><a class="mono" href={ruleLink(item.rule)}>{item.rule}</a></td>}
            <td><span class={back ? 'tag warn' : 'tag'}>{item.done}</span>{item.share < 1 && <span class="muted"> to {share(item.share)}</span>}</td>
            <td><code>{item.version}</code>{back && <span class="muted">; {item.speaks ? <>then <code>{item.speaks}</code></> : 'the rule was gone'}</span>}</td>
            <td>{valuesText(JSON.parse(item.parameters || '{}')) || <span class="muted">as the author says</span>}</td>
            <td class="said">{item.by && <>{item.by}: </>}{item.reason || <span class="muted">no reason was told</span>}</td>
        </tr>
    );
}
