// A canvas of cells that the mouse and the arrow keys can walk on: the ground of the carpet and of the maps.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { usePalette, type Palette } from './theme';

export interface Cell { column: number; row: number }

export interface CellsProps {
    label: string;                               // one sentence: what it shows
    keys: string;                                // what the keys do
    columns: number;
    rows: number;
    height: number;
    margin: { left: number; top: number; bottom: number };
    stamp: unknown;                              // draws anew when it changes
    draw: (context: CanvasRenderingContext2D, size: { width: number; height: number; ratio: number }, palette: Palette) => void;
    say: (cell: Cell) => string;
    onPick?: (cell: Cell) => void;
    hint: string;
}

export function Cells(props: CellsProps) {
    const { columns, rows, height, margin } = props;
    const palette = usePalette();
    const canvas = useRef<HTMLCanvasElement>(null);
    const [width, setWidth] = useState(0);
    const [cell, setCell] = useState<Cell | null>(null);
    const [byKeys, setByKeys] = useState(false);

    useLayoutEffect(() => {
        const parent = canvas.current!.parentElement!;
        const measure = () => setWidth(Math.max(160, Math.floor(parent.clientWidth)));
        measure();
        const watch = new ResizeObserver(measure);
        watch.observe(parent);
        return () => watch.disconnect();
    }, []);

    const inner = { width: width - margin.left, height: height - margin.top - margin.bottom };

    useEffect(() => {
        if (!width) return;
        const ratio = devicePixelRatio || 1;
        const element = canvas.current!;
        element.width = Math.round(width * ratio);
        element.height = Math.round(height * ratio);
        const context = element.getContext('2d')!;
        context.setTransform(ratio, 0, 0, ratio, 0, 0);
        context.clearRect(0, 0, width, height);
        props.draw(context, { width, height, ratio }, palette);
        if (cell) {
            context.strokeStyle = palette.ink;
            context.lineWidth = 1.5;
            context.strokeRect(
                margin.left + cell.column * inner.width / columns - 0.5, margin.top + cell.row * inner.height / rows - 0.5,
                Math.max(3, inner.width / columns) + 1, Math.max(3, inner.height / rows) + 1);
        }
    }, [width, height, props.stamp, palette.key, cell?.column, cell?.row]);

    const at = (event: MouseEvent): Cell | null => {
        const box = canvas.current!.getBoundingClientRect();
        const column = Math.floor((event.clientX - box.left - margin.left) / inner.width * columns);
        const row = Math.floor((event.clientY - box.top - margin.top) / inner.height * rows);
        return column >= 0 && column < columns && row >= 0 && row < rows ? { column, row } : null;
    };
    const keys = (event: KeyboardEvent) => {
        const here = cell ?? { column: 0, row: 0 };
        const step = event.shiftKey ? 7 : 1;
        const moves: Record<string, [number, number]> = {
            ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step],
            Home: [-columns, 0], End: [columns, 0],
        };
        if (event.key === 'Enter' && cell) props.onPick?.(cell);
        else if (event.key === 'Escape') setCell(null);
        else if (moves[event.key] && columns && rows) {
            const [x, y] = cell ? moves[event.key] : [0, 0];
            setByKeys(true);
            setCell({
                column: Math.min(columns - 1, Math.max(0, here.column + x)), row: Math.min(rows - 1, Math.max(0, here.row + y)),
            });
        } else return;
        event.preventDefault();
    };

    return (
        <div class="cells">
            <div class="focusable" tabIndex={0} role="group" aria-label={props.keys} onKeyDown={keys}>
                <canvas ref={canvas} role="img" aria-label={props.label}
                    style={{ width: `${width}px`, height: `${height}px`, cursor: props.onPick && cell ? 'pointer' : 'default' }}
                    onMouseMove={event => { setByKeys(false); setCell(at(event)); }}
                    onMouseLeave={() => setCell(null)}
                    onClick={event => { const hit = at(event); if (hit) props.onPick?.(hit); }} />
            </div>
            <output class="readout" aria-live={byKeys ? 'polite' : 'off'}>{cell ? props.say(cell) : props.hint}</output>
        </div>
    );
}
