// Which period is in view, and as it was known when.
import { addDays, DAY, dayHours, isDate, localDate, localMinute, startOfDay, utcText } from '../pure/time';
import { change } from '../route';

const LENGTHS: [days: number, name: string][] = [[1, 'Day'], [7, 'Week'], [28, '4 weeks'], [91, '3 months'], [365, 'Year']];

export function PeriodControls({ zone, from, to, end, show, zoomed, reset, as_of }: {
    zone: string; from: number; to: number; end: number; show: (from: number, to: number) => void;
    zoomed: boolean; reset: () => void; as_of?: string;
}) {
    const first = localDate(from, zone), last = localDate(to - 1, zone);
    const whole = startOfDay(first, zone) === from && startOfDay(addDays(last, 1), zone) === to;
    const days = Math.round((to - from) / DAY);
    const dates = (first: string, last: string) => {
        if (isDate(first) && isDate(last) && first <= last) show(startOfDay(first, zone), startOfDay(addDays(last, 1), zone));
    };
    // Of a part of a day, the part beside it; of days, the days beside them, 23 and 25 hours long ones included.
    const step = (direction: 1 | -1) => whole
        ? dates(addDays(first, direction * Math.max(1, days)), addDays(last, direction * Math.max(1, days)))
        : show(from + direction * (to - from), to + direction * (to - from));
    const length = (count: number) => {
        const anchor = whole && days < count ? last : localDate(Math.min(to, end) - 1, zone);
        dates(addDays(anchor, 1 - count), anchor);
    };
    const hours = first === last ? dayHours(first, zone) : 24;

    return (
        <div class="period">
            <div class="segmented" role="group" aria-label="Length of the period">
                {LENGTHS.map(([count, name]) => <button key={name} aria-pressed={whole && days === count} onClick={() => length(count)}>{name}</button>)}
            </div>
            <div class="segmented" role="group" aria-label="Period">
                <button aria-label="Earlier" onClick={() => step(-1)}>‹</button>
                <button aria-label="Later" onClick={() => step(1)}>›</button>
            </div>
            <label>From <input type="date" value={first} onChange={event => dates(event.currentTarget.value, last)} /></label>
            <label>to <input type="date" value={last} onChange={event => dates(first, event.currentTarget.value)} /></label>
            <button onClick={reset} disabled={!zoomed}>Zoom out</button>
            <label>As of <input type="datetime-local" title="What was known then; local time of this browser" value={as_of ? localMinute(Date.parse(as_of), browserZone).replace(' ', 'T') : ''}
                onChange={event => change({ as_of: event.currentTarget.value ? utcText(Date.parse(event.currentTarget.value)) : null })} /></label>
            {hours !== 24 && <span class="tag warn">this day has {hours} hours</span>}
            {as_of && <span class="tag warn">as it was known then</span>}
        </div>
    );
}

const browserZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
