// A year at a glance: a column per local day, the time of day downwards. Days of a clock change stay honest: the hour
// that was skipped is left out, the hour that came twice stands twice, side by side.
import { useMemo } from 'preact/hooks';
import { plural, quantity, rounded } from '../pure/format';
import { Shade, SHADES } from '../pure/quality';
import { durationCurve, rate, type Series } from '../pure/series';
import { dateShort, dateWords, HOUR, localDays, localParts, MINUTE, type LocalDay } from '../pure/time';
import { Cells } from './canvas';
import { Figure } from './figure';
import { hatch, mix, shades, usePalette } from './theme';

interface Grid {
    days: LocalDay[];
    slots: number;           // of a day of 24 hours by local clock
    first: Int32Array;       // [day * slots + slot] → index of the value; -1: none; -2: the clock skipped it
    second: Map<number, number>; // the same for a slot that came twice
}

function makeGrid(series: Series, days: LocalDay[]): Grid {
    const lengths = new Map<number, number>();
    for (let i = 0; i < Math.min(series.end.length, 500); i++) {
        const length = series.end[i] - series.start[i];
        lengths.set(length, (lengths.get(length) ?? 0) + 1);
    }
    const usual = [...lengths].sort((a, b) => b[1] - a[1])[0]?.[0] ?? HOUR;
    const slot = Math.min(HOUR, Math.max(5 * MINUTE, usual));
    const slots = Math.round(24 * HOUR / slot);
    const grid: Grid = { days, slots, first: new Int32Array(days.length * slots).fill(-1), second: new Map() };
    let i = 0;
    days.forEach((day, column) => {
        const plain = day.end - day.start === 24 * HOUR;
        const clock = (ms: number) => {
            if (plain) return ms - day.start;
            const p = localParts(ms, series.zone);
            return p.hour * HOUR + p.minute * MINUTE + p.second * 1000;
        };
        if (!plain) { // slots whose hour this day does not have
            const there = new Set<number>();
            for (let at = day.start; at < day.end; at += slot) there.add(Math.floor(clock(at) / slot));
            for (let s = 0; s < slots; s++) if (!there.has(s)) grid.first[column * slots + s] = -2;
        }
        while (i < series.end.length && series.start[i] < day.start) i++;
        for (; i < series.end.length && series.start[i] < day.end; i++) {
            const at = column * slots + Math.floor(clock(series.start[i]) / slot);
            if (grid.first[at] >= 0 && !plain) grid.second.set(at, i);
            else grid.first[at] = i;
        }
    });
    return grid;
}

const MARGIN = { left: 44, top: 4, bottom: 20 };

export function Carpet({ series, from, to, onDay }: { series: Series; from: number; to: number; onDay: (date: string) => void }) {
    const palette = usePalette();
    const days = useMemo(() => localDays(from, to, series.zone), [from, to, series.zone]);
    const grid = useMemo(() => makeGrid(series, days), [series, days]);
    const rates = useMemo(() => rate(series), [series]);
    const [low, high] = useMemo(() => {
        const some = rates.value.filter((_, i) => i % Math.ceil(rates.value.length / 4096) === 0); // enough to know what is usual
        const curve = durationCurve(some);
        return curve.length ? [Math.min(0, curve[curve.length - 1]), curve[Math.floor(curve.length * 0.01)]] : [0, 1];
    }, [rates]);
    const odd = days.filter(day => day.end - day.start !== 24 * HOUR);
    const summary = `${plural(days.length, 'day')} of ${series.channel}, by local time of day; colours run from ${rounded(low)} to ${rounded(high)} ${rates.unit}`
        + (odd.length ? `; ${odd.map(day => `${dateShort(day.date)} has ${(day.end - day.start) / HOUR} hours`).join(', ')}` : '') + '.';

    const draw = (context: CanvasRenderingContext2D, { width, height, ratio }: { width: number; height: number; ratio: number }) => {
        const inner = { width: width - MARGIN.left, height: height - MARGIN.top - MARGIN.bottom };
        // Two pixels per day, so that an hour that came twice has room; scaled up without smoothing.
        const image = new ImageData(days.length * 2, grid.slots);
        const colors = shades(palette.ramp);
        const paint = (x: number, y: number, index: number) => {
            const share = high > low ? (rates.value[index] - low) / (high - low) : 0;
            const color = colors[Math.round(Math.min(1, Math.max(0, share)) * 255)];
            const at = (y * image.width + x) * 4;
            image.data[at] = color[0];
            image.data[at + 1] = color[1];
            image.data[at + 2] = color[2];
            image.data[at + 3] = 255;
        };
        const skipped: { day: number; slot: number }[] = [];
        const patches: { day: number; slot: number; shade: Shade }[] = [];
        for (let day = 0; day < days.length; day++)
            for (let slot = 0; slot < grid.slots; slot++) {
                const index = grid.first[day * grid.slots + slot];
                if (index === -2) skipped.push({ day, slot });
                const other = grid.second.get(day * grid.slots + slot);
                if (index < 0) continue;
                if (series.shade[index] === Shade.Estimated || series.shade[index] === Shade.Missing)
                    patches.push({ day, slot, shade: series.shade[index] });
                if (Number.isNaN(rates.value[index])) continue;
                paint(day * 2, slot, index);
                paint(day * 2 + 1, slot, other ?? index);
            }
        const tile = document.createElement('canvas');
        tile.width = image.width;
        tile.height = image.height;
        tile.getContext('2d')!.putImageData(image, 0, 0);
        context.fillStyle = palette.sunken;
        context.fillRect(MARGIN.left, MARGIN.top, inner.width, inner.height);
        context.imageSmoothingEnabled = false;
        context.drawImage(tile, MARGIN.left, MARGIN.top, inner.width, inner.height);

        const cell = { width: inner.width / days.length, height: inner.height / grid.slots };
        context.save();
        for (const shade of [Shade.Estimated, Shade.Missing]) {
            context.beginPath();
            for (const patch of patches)
                if (patch.shade === shade)
                    context.rect(MARGIN.left + patch.day * cell.width, MARGIN.top + patch.slot * cell.height, cell.width, cell.height + 0.3);
            const color = palette[SHADES[shade]];
            context.globalAlpha = 0.14;
            context.fillStyle = color;
            context.fill();
            context.globalAlpha = 0.6;
            const pattern = hatch(context, color, ratio, shade === Shade.Missing);
            pattern.setTransform(new DOMMatrix([1 / ratio, 0, 0, 1 / ratio, 0, 0]));
            context.fillStyle = pattern;
            context.fill();
        }
        context.restore();

        context.fillStyle = palette.raw; // no such time: neither a value nor a gap
        for (const { day, slot } of skipped)
            context.fillRect(MARGIN.left + day * cell.width, MARGIN.top + slot * cell.height, cell.width, cell.height + 0.3);

        context.fillStyle = palette.muted;
        context.font = '12px system-ui, sans-serif';
        context.textAlign = 'right';
        for (const hour of [0, 6, 12, 18, 24]) {
            const y = MARGIN.top + inner.height * hour / 24;
            context.textBaseline = hour === 0 ? 'top' : hour === 24 ? 'bottom' : 'middle';
            context.fillText(`${String(hour).padStart(2, '0')}:00`, MARGIN.left - 6, y);
        }
        context.textAlign = 'left';
        context.textBaseline = 'top';
        let room = 0;
        days.forEach((day, i) => {
            const x = MARGIN.left + i * cell.width;
            if (x < room || (days.length > 62 && !day.date.endsWith('-01'))) return;
            context.fillRect(x, height - MARGIN.bottom, 1, 4);
            const text = dateShort(day.date);
            if (x + 40 < width) context.fillText(text, x + 3, height - MARGIN.bottom + 5);
            room = x + 64;
        });
    };

    const say = ({ column, row }: { column: number; row: number }) => {
        const day = days[column];
        const at = column * grid.slots + row;
        const minutes = row * 24 * 60 / grid.slots;
        const clock = `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
        const index = grid.first[at], other = grid.second.get(at);
        const words = (i: number) => Number.isNaN(series.value[i]) ? series.quality[i] : `${quantity(series.value[i], series.unit)}, ${series.quality[i].split('|')[0]}`;
        const what = index === -2 ? 'the clock skipped this hour' : index < 0 ? 'nothing' : words(index)
            + (other === undefined ? '' : `; the second time ${words(other)}`);
        return `${dateWords(day.date)} ${clock}  ·  ${what}`;
    };

    return (
        <Figure title="Heat map" summary={summary} legend={<Ramp low={low} high={high} unit={rates.unit} />}
            table={{
                columns: ['Day', 'Hours', `Total, ${series.unit}`, `Peak, ${rates.unit}`, 'Values', 'Estimated', 'Missing'],
                numeric: [1, 2, 3, 4, 5, 6], count: days.length,
                row: i => dayRow(series, rates.value, grid, i),
            }}>
            <Cells label={summary} columns={days.length} rows={grid.slots} height={230} margin={MARGIN}
                keys="Heat map of days by time of day. Arrow keys move, Enter opens the day."
                stamp={grid} draw={draw} say={say} onPick={cell => onDay(days[cell.column].date)}
                hint="Click a day to see it alone." />
        </Figure>
    );
}

function dayRow(series: Series, rates: Float64Array, grid: Grid, at: number): string[] {
    const day = grid.days[at];
    const seen: number[] = [];
    for (let slot = 0; slot < grid.slots; slot++) {
        const key = at * grid.slots + slot;
        if (grid.first[key] >= 0) seen.push(grid.first[key]);
        const other = grid.second.get(key);
        if (other !== undefined) seen.push(other);
    }
    const there = seen.filter(i => !Number.isNaN(series.value[i]));
    const count = (shade: Shade) => String(seen.filter(i => series.shade[i] === shade).length);
    return [dateWords(day.date), String((day.end - day.start) / HOUR),
        there.length ? rounded(there.reduce((sum, i) => sum + series.value[i], 0)) : '–',
        there.length ? rounded(Math.max(...there.map(i => rates[i]))) : '–',
        String(there.length), count(Shade.Estimated), count(Shade.Missing)];
}

function Ramp({ low, high, unit }: { low: number; high: number; unit: string }) {
    const palette = usePalette();
    const steps = Array.from({ length: 9 }, (_, i) => mix(palette.ramp, i / 8));
    return (
        <div class="ramp" aria-hidden="true">
            <span>{rounded(low)}</span>
            <span class="ramp-steps">{steps.map((color, i) => <i key={i} style={{ background: `rgb(${color.join(',')})` }} />)}</span>
            <span>{rounded(high)} {unit} and above (1 % of the values)</span>
        </div>
    );
}

