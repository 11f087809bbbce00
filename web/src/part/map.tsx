// Rows by local days: completeness of meters, findings of checks. A cell has a fill and, where that says too little
// to those who see no colour, hatching.
import { dateShort, dateWords, weekday } from '../pure/time';
import { Cells } from './canvas';
import { hatch, type Palette } from './theme';

export interface MapCell { fill: string; hatch?: 'rising' | 'falling'; ink?: string; alpha?: number }

export interface MapProps {
    label: string;
    keys: string;
    hint: string;
    dates: string[];
    rows: string[];
    cell: (row: number, column: number, palette: Palette) => MapCell | null;
    say: (row: number, column: number) => string;
    onPick?: (row: number, column: number) => void;
    stamp: unknown;
    labelWidth: number;
    rowHeight?: number;
}

export function DayMap(props: MapProps) {
    const { dates, rows } = props;
    const rowHeight = props.rowHeight ?? 16;
    const margin = { left: props.labelWidth, top: 22, bottom: 2 };
    const height = margin.top + rows.length * rowHeight + margin.bottom;

    const draw = (context: CanvasRenderingContext2D, { width, ratio }: { width: number; ratio: number }, palette: Palette) => {
        const cellWidth = (width - margin.left) / dates.length;
        const patterns = new Map<string, CanvasPattern>();
        const patternOf = (cell: MapCell) => {
            const name = `${cell.ink}${cell.hatch}`;
            let pattern = patterns.get(name);
            if (!pattern) {
                pattern = hatch(context, cell.ink ?? palette.ink, ratio, cell.hatch === 'falling');
                pattern.setTransform(new DOMMatrix([1 / ratio, 0, 0, 1 / ratio, 0, 0]));
                patterns.set(name, pattern);
            }
            return pattern;
        };
        context.font = '12px system-ui, sans-serif';
        context.textBaseline = 'middle';
        rows.forEach((name, row) => {
            const y = margin.top + row * rowHeight;
            context.fillStyle = palette.muted;
            context.textAlign = 'right';
            context.fillText(name, margin.left - 8, y + rowHeight / 2, margin.left - 8);
            for (let column = 0; column < dates.length; column++) {
                const cell = props.cell(row, column, palette);
                if (!cell) continue;
                const x = margin.left + column * cellWidth;
                const box = [x + 0.5, y + 0.5, Math.max(1, cellWidth - 1), rowHeight - 1] as const;
                context.globalAlpha = cell.alpha ?? 1;
                context.fillStyle = cell.fill;
                context.fillRect(...box);
                context.globalAlpha = 1;
                if (cell.hatch) {
                    context.fillStyle = patternOf(cell);
                    context.fillRect(...box);
                }
            }
        });
        context.textAlign = 'left';
        context.fillStyle = palette.muted;
        let room = 0;
        dates.forEach((date, column) => {
            const x = margin.left + column * cellWidth;
            if (weekday(date) !== 1 && dates.length > 10) return;
            if (x < room || x + 44 > width) return;
            context.fillText(dateShort(date), x + 1, 9);
            context.fillRect(x, 16, 1, 4);
            room = x + 52;
        });
    };

    return (
        <Cells label={props.label} keys={props.keys} hint={props.hint} columns={dates.length} rows={rows.length}
            height={height} margin={margin} stamp={props.stamp} draw={draw}
            say={({ row, column }) => `${rows[row]}  ·  ${dateWords(dates[column])}  ·  ${props.say(row, column)}`}
            onPick={props.onPick && (({ row, column }) => props.onPick!(row, column))} />
    );
}
