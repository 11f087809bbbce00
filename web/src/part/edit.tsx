// A value told by a person: a new version that stands over what sources tell, with the reason kept beside it.
import { useState } from 'preact/hooks';
import { api, type EditAnswer, type Story, type ValueRow } from '../api';
import { number, quantity } from '../pure/format';
import { QualityBadge } from './badge';
import { askAgain } from './load';
import { mayChange, useMe } from './me';
import { Failed } from './state';

export function EditForm({ story }: { story: Story }) {
    const me = useMe();
    const standing = story.versions.find(version => version.stands);
    const unit = standing?.unit ?? story.unit;
    const [value, setValue] = useState('');
    const [reason, setReason] = useState('');
    const [busy, setBusy] = useState(false);
    const [error, setError] = useState<Error | null>(null);
    const [answer, setAnswer] = useState<EditAnswer | null>(null);
    const text = value.trim().replace(',', '.').replace('\u2212', '-');
    const isNumber = /^-?\d+(\.\d+)?$/.test(text);

    if (!mayChange(me)) return <p class="muted">This key may read. To tell a value, use one with the role admin.</p>;

    const send = async (ask: () => Promise<EditAnswer>) => {
        setBusy(true);
        setError(null);
        try {
            setAnswer(await ask());
            setValue('');
            setReason('');
            askAgain();
        } catch (error) {
            setError(error as Error);
        }
        setBusy(false);
    };
    const place = { usage_point: story.usage_point, channel: story.channel, at: story.end, reason: reason.trim() };

    const row = (told: ValueRow | null) => told ? quantity(told.value, told.unit) : 'nothing';

    return (
        <form class="edit" onSubmit={event => {
            event.preventDefault();
            if (isNumber && place.reason) void send(() => api.edit({ ...place, value: text, unit }));
        }}>
            <label for="edit-value">Value as the meter would tell it, in {unit}</label>
            <input id="edit-value" inputMode="decimal" autocomplete="off" value={value}
                placeholder={standing?.value === null || standing === undefined ? '' : number(standing.value)}
                aria-invalid={value !== '' && !isNumber} onInput={event => setValue(event.currentTarget.value)} />
            <label for="edit-reason">Reason, kept with the value</label>
            <input id="edit-reason" autocomplete="off" value={reason} maxLength={500}
                onInput={event => setReason(event.currentTarget.value)} />
            <div class="buttons">
                {standing?.act && (
                    <button type="button" disabled={busy || !place.reason} onClick={() => void send(() => api.withdraw(place))}>
                        Withdraw what people told
                    </button>
                )}
                <button class="primary" disabled={busy || !isNumber || !place.reason}>{busy ? 'Saving…' : 'Save as a new version'}</button>
            </div>
            {error && <Failed error={error} />}
            {answer && (
                <p class="done" role="status">
                    <strong>Saved.</strong> {answer.pending ? 'It counts as soon as it is derived.' : (
                        <>{row(answer.old)} → {row(answer.new)} {answer.new && <QualityBadge text={answer.new.quality} />}</>
                    )}
                </p>
            )}
        </form>
    );
}
