// What changes a deployed rule, each after a second look: another version of it, or back to the one before.
import { useState } from 'preact/hooks';
import { api, type DeployAnswer, type Rule, type RuleTrial, type RuleVersion, type RollbackAnswer } from '../api';
import { changes, type Values } from '../pure/rules';
import { isDate, localExact, startOfDay, utcText } from '../pure/time';
import { effect, type Outcome } from './backtest';
import { Dialog } from './dialog';
import { HERE } from './file';
import { Failed } from './state';

/** Sends once at a time, and keeps what went wrong. */
function useSend<T>(done: (answer: T) => void) {
    const [busy, setBusy] = useState(false);
    const [error, setError] = useState<Error | null>(null);
    const send = async (ask: () => Promise<T>) => {
        setBusy(true);
        setError(null);
        try {
            done(await ask());
        } catch (error) {
            setError(error as Error);
        }
        setBusy(false);
    };
    return { busy, error, send, forget: () => setError(null) };
}

function Reason({ id, text, set }: { id: string; text: string; set: (text: string) => void }) {
    return (
        <>
            <label for={id}>Reason, kept with the version and in the audit log</label>
            <input id={id} autocomplete="off" required maxLength={500} value={text} onInput={event => set(event.currentTarget.value)} />
        </>
    );
}

const shown = (value: unknown) => value === undefined ? 'not told' : value === '' ? 'empty' : String(value);

function Changed({ rule, values }: { rule: Rule; values: Values }) {
    const list = changes(rule.parameters, rule.versions[0].parameters, values);
    if (list.length === 0) return <>as they are</>;
    return <ul>{list.map(change => <li key={change.name}><code>{change.name}</code> {shown(change.old)} → <strong>{shown(change.new)}</strong></li>)}</ul>;
}

export function DeployDialog({ rule, trial, outcome, from: fromForm, open, onClose, done }: {
    rule: Rule; trial: RuleTrial; outcome: Outcome | null; from: string; open: boolean; onClose: () => void; done: (answer: DeployAnswer) => void;
}) {
    const [reason, setReason] = useState('');
    const [past, setPast] = useState(false);
    const [chosen, setFrom] = useState<string | null>(null);
    const { busy, error, send, forget } = useSend<DeployAnswer>(answer => { setReason(''); setPast(false); setFrom(null); done(answer); });
    const from = chosen ?? fromForm;
    const ready = reason.trim() !== '' && (!past || isDate(from));
    const close = () => { if (!busy) { forget(); onClose(); } };
    const submit = () => {
        if (!ready || busy) return;
        void send(() => api.deploy({
            rule: rule.rule, parameters: trial.parameters, canary: trial.canary, reason: reason.trim(), from: past ? utcText(startOfDay(from, HERE)) : undefined,
        }));
    };
    return (
        <Dialog open={open} title={`Deploy ${rule.rule}`} onClose={close} onSubmit={submit}>
            <dl class="facts">
                <dt>Parameters</dt><dd><Changed rule={rule} values={trial.parameters ?? {}} /></dd>
                <dt>Speaks of</dt><dd>{trial.canary ? `${share(trial.canary)} of the usage points, always the same ones` : 'all usage points'}</dd>
                <dt>Back-test</dt><dd>{outcome ? <>{effect(outcome.answer)}{outcome.trial.usage_point && <>; of <span class="mono">{outcome.trial.usage_point}</span> alone</>}</> : 'none was run with these values'}</dd>
            </dl>
            <fieldset>
                <legend>From when</legend>
                <label><input type="radio" name="deploy-from" checked={!past} onChange={() => setPast(false)} />from now on: what is stored stays as it is</label>
                <label><input type="radio" name="deploy-from" checked={past} onChange={() => setPast(true)} />since a day: what is stored from then on is computed anew</label>
                {past && <label class="under"><span class="hidden">Since</span><input type="date" required value={from} onInput={event => setFrom(event.currentTarget.value)} /> {HERE}</label>}
            </fieldset>
            <Reason id="deploy-reason" text={reason} set={setReason} />
            {error && <Failed error={error} />}
            <div class="buttons">
                <button type="button" disabled={busy} onClick={close}>Cancel</button>
                <button class="primary" disabled={!ready || busy}>{busy ? 'Deploying…' : 'Deploy'}</button>
            </div>
        </Dialog>
    );
}

export const share = (part: number) => `${Number((part * 100).toFixed(1))} %`;

export function RollbackDialog({ versions, open, onClose, done }: {
    versions: RuleVersion[]; open: boolean; onClose: () => void; done: (answer: RollbackAnswer) => void;
}) {
    const [reason, setReason] = useState('');
    const { busy, error, send, forget } = useSend<RollbackAnswer>(answer => { setReason(''); done(answer); });
    const [last, before] = versions;
    const close = () => { if (!busy) { forget(); onClose(); } };
    return (
        <Dialog open={open} title={`Roll back ${last.rule}`} onClose={close}
            onSubmit={() => { if (reason.trim() && !busy) void send(() => api.rollback(last.rule, reason.trim())); }}>
            <p>Version <code>{last.version}</code>, deployed {localExact(Date.parse(last.deployed), HERE)} by {last.by || 'nobody'}, is taken away, and what it
                {' '}said is computed anew. {before ? <>Version <code>{before.version}</code> speaks again.</> : <strong>It is the only one: the rule goes.</strong>}</p>
            <Reason id="rollback-reason" text={reason} set={setReason} />
            {error && <Failed error={error} />}
            <div class="buttons">
                <button type="button" disabled={busy} onClick={close}>Cancel</button>
                <button class="primary" disabled={!reason.trim() || busy}>{busy ? 'Rolling back…' : 'Roll back'}</button>
            </div>
        </Dialog>
    );
}
