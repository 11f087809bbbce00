// A line of the plant's log, as the page shows it: what every line has, and the fields of its own.
export interface LogLine {
    serial: number; process: number; time: string; level: 'info' | 'warning' | 'error' | string; message: string;
    decision?: string;
    [field: string]: string | number | undefined;
}

const OF_EVERY_LINE = ['serial', 'process', 'time', 'level', 'message', 'decision'];

/** What belongs to this line alone, in its order; texts that are empty say nothing. */
export function fieldsOf(line: LogLine): [name: string, text: string][] {
    return Object.entries(line)
        .filter(([name, value]) => !OF_EVERY_LINE.includes(name) && value !== undefined && value !== '')
        .map(([name, value]) => [name, String(value)]);
}
