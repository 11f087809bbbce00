// Completeness rows as a map of meters by days, and the gaps in it.
import type { CompletenessRow } from '../api';
import { localDate } from './time';

export interface Cell { expected: number; present: number; estimated: number; missing: number }

export interface MeterDays {
    usage_point: string;
    cells: (Cell | null)[]; // per day; null: nothing was expected
    total: Cell;
}

const nothing = (): Cell => ({ expected: 0, present: 0, estimated: 0, missing: 0 });

function add(cell: Cell, row: Cell) {
    cell.expected += row.expected;
    cell.present += row.present;
    cell.estimated += row.estimated;
    cell.missing += row.missing;
}

/** All channels of a meter together; meters in the order in which they came. */
export function meterDays(rows: CompletenessRow[], dates: string[], zoneOf: (up: string) => string): MeterDays[] {
    const column = new Map(dates.map((date, i) => [date, i]));
    const meters = new Map<string, MeterDays>();
    for (const row of rows) {
        // The middle of a day is in it, whatever the calendar's start of day.
        const middle = (Date.parse(row.start) + Date.parse(row.end)) / 2;
        const at = column.get(localDate(middle, zoneOf(row.usage_point)));
        if (at === undefined) continue;
        let meter = meters.get(row.usage_point);
        if (!meter) {
            meter = { usage_point: row.usage_point, cells: dates.map(() => null), total: nothing() };
            meters.set(row.usage_point, meter);
        }
        add(meter.cells[at] ??= nothing(), row);
        add(meter.total, row);
    }
    return [...meters.values()];
}

export interface Gap { usage_point: string; channel: string; from: string; to: string; days: number; missing: number; expected: number }

/** Runs of days with something missing, the most missing first. Rows come by channel, then day. */
export function gaps(rows: CompletenessRow[]): Gap[] {
    const found: Gap[] = [];
    let open: Gap | null = null;
    for (const row of rows) {
        if (row.missing <= 0) { open = null; continue; }
        if (open && open.usage_point === row.usage_point && open.channel === row.channel && open.to === row.start) {
            open.to = row.end;
            open.days++;
            open.missing += row.missing;
            open.expected += row.expected;
        } else {
            open = {
                usage_point: row.usage_point, channel: row.channel, from: row.start, to: row.end, days: 1,
                missing: row.missing, expected: row.expected,
            };
            found.push(open);
        }
    }
    return found.sort((a, b) => b.missing - a.missing || b.days - a.days);
}
