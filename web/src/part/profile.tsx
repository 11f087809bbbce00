// Values over time: validated over raw, estimated spans hatched and coloured, missing ones hatched the other way.
//
//   uPlot has the axes, the cursor and the selection; lines and hatching are drawn here, because an interval is a
//   step from its start to its end, whatever comes beside it. Its x is the middle of an interval, so that the
//   nearest x to the cursor is the interval under it.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { quantity, rounded } from '../pure/format';
import { parseQuality, Shade, SHADES } from '../pure/quality';
import { buckets, firstAfter, isInstants, niceScale, spans, type Series } from '../pure/series';
import { HOUR, localClock, localExact, localMinute, MINUTE, stretch } from '../pure/time';
import { axis, Plot } from './plot';
import { hatch, usePalette, type Palette } from './theme';

export interface ProfileProps {
    series: Series;
    raw: Series | null;
    rawName?: string;                          // what the second line is, when it is not the raw lane
    zone: string;
    from: number;
    to: number;
    height?: number;
    label: string;
    onZoom?: (from: number, to: number) => void;
    onReset?: () => void;
    onPick?: (end: number) => void;
    picked?: number | null;                    // the end of a value whose story is open
    mark?: { from: number; to: number } | null; // what an exception is about
    ticks?: { from: number; to: number }[];    // where the two lines differ: told below them, however small it is
    most?: number | null;                      // greater values lie off the scale, and are told by a mark at its top
}

interface Joined { start: Float64Array; end: Float64Array; series: Int32Array; raw: Int32Array; data: uPlot.AlignedData }

/** Both lanes by the ends of their values. */
function join(series: Series, raw: Series | null): Joined {
    const a = series.end, b = raw?.end ?? new Float64Array();
    const start: number[] = [], end: number[] = [], inA: number[] = [], inB: number[] = [];
    for (let i = 0, j = 0; i < a.length || j < b.length;) {
        const left = i < a.length ? a[i] : Infinity, right = j < b.length ? b[j] : Infinity;
        const first = Math.min(left, right);
        start.push(left <= right ? series.start[i] : raw!.start[j]);
        end.push(first);
        inA.push(left === first ? i++ : -1);
        inB.push(right === first ? j++ : -1);
    }
    const x = end.map((at, i) => (at + start[i]) / 2000);
    const pick = (values: Float64Array | undefined, index: number) =>
        index < 0 || Number.isNaN(values![index]) ? null : values![index];
    return {
        start: Float64Array.from(start), end: Float64Array.from(end),
        series: Int32Array.from(inA), raw: Int32Array.from(inB),
        data: [x, inA.map(i => pick(series.value, i)), inB.map(j => pick(raw?.value, j))],
    };
}

const HATCHED = [Shade.Estimated, Shade.Missing];
const colorOf = (palette: Palette, shade: Shade) => palette[SHADES[shade]];

function drawHatching(plot: uPlot, series: Series, palette: Palette, mark: ProfileProps['mark']) {
    const { ctx, bbox } = plot;
    const ratio = uPlot.pxRatio;
    const x = (ms: number) => Math.round(plot.valToPos(ms / 1000, 'x', true));
    const clip = (ms: number) => Math.min(bbox.left + bbox.width, Math.max(bbox.left, x(ms)));
    ctx.save();
    if (mark) {
        const left = clip(mark.from), right = Math.max(left + 3 * ratio, clip(mark.to));
        ctx.globalAlpha = 0.12;
        ctx.fillStyle = palette.suspect;
        ctx.fillRect(left, bbox.top, right - left, bbox.height);
    }
    for (const shade of HATCHED) {
        const color = colorOf(palette, shade);
        const pattern = hatch(ctx, color, ratio, shade === Shade.Missing);
        for (const span of spans(series)) {
            if (span.shade !== shade) continue;
            const left = clip(span.from), right = clip(span.to);
            if (right <= bbox.left || left >= bbox.left + bbox.width) continue;
            const width = Math.max(right - left, 2 * ratio);
            ctx.globalAlpha = 0.08;
            ctx.fillStyle = color;
            ctx.fillRect(left, bbox.top, width, bbox.height);
            ctx.globalAlpha = 0.4;
            ctx.fillStyle = pattern;
            ctx.fillRect(left, bbox.top, width, bbox.height);
        }
    }
    ctx.restore();
}

/** One lane's line, in the colour of each value's shade. */
function drawLine(plot: uPlot, series: Series, scale: string, color: (shade: Shade) => string, width: number) {
    const { ctx, bbox } = plot;
    const ratio = uPlot.pxRatio;
    const from = plot.scales.x.min! * 1000, to = plot.scales.x.max! * 1000;
    const x = (ms: number) => plot.valToPos(ms / 1000, 'x', true);
    const y = (value: number) => plot.valToPos(value, scale, true);
    const instants = isInstants(series);
    const first = Math.max(0, firstAfter(series.end, from) - 1);
    const last = Math.min(series.end.length, firstAfter(series.end, to) + 1);
    const columns = Math.floor(bbox.width / ratio);
    const paths = SHADES.map(() => new Path2D());

    if (last - first > columns * 2) {
        const seen = buckets(series, from, to, columns);
        for (let i = 0; i < seen.index.length; i++) {
            const path = paths[seen.shade[i]];
            const at = bbox.left + (seen.index[i] + 0.5) * bbox.width / columns;
            if (i > 0 && seen.index[i] - seen.index[i - 1] === 1) {
                path.moveTo(at - bbox.width / columns, y(seen.last[i - 1]));
                path.lineTo(at, y(Math.min(seen.max[i], Math.max(seen.min[i], seen.last[i - 1]))));
            }
            path.moveTo(at, y(seen.min[i]) + 0.5);
            path.lineTo(at, y(seen.max[i]) - 0.5);
        }
    } else {
        let previous = -1;
        for (let i = first; i < last; i++) {
            const value = series.value[i];
            if (Number.isNaN(value)) { previous = -1; continue; }
            const path = paths[series.shade[i]];
            const adjoins = previous >= 0 && (instants || series.end[previous] === series.start[i]);
            if (adjoins) {
                path.moveTo(x(instants ? series.end[previous] : series.start[i]), y(series.value[previous]));
                path.lineTo(x(series.start[i]), y(value));
            }
            path.moveTo(x(series.start[i]), y(value));
            path.lineTo(x(series.end[i]), y(value));
            if (instants && last - first < columns / 4) {
                path.moveTo(x(series.end[i]) + 2.5 * ratio, y(value));
                path.arc(x(series.end[i]), y(value), 2.5 * ratio, 0, 2 * Math.PI);
            } else if (series.shade[i] === Shade.Suspect || series.shade[i] === Shade.Edited) {
                const middle = (x(series.start[i]) + x(series.end[i])) / 2; // one value among many is seen, too
                path.moveTo(middle + 2 * ratio, y(value));
                path.arc(middle, y(value), 2 * ratio, 0, 2 * Math.PI);
            }
            previous = i;
        }
    }
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.lineWidth = width * ratio;
    ctx.lineCap = 'butt';
    ctx.lineJoin = 'round';
    paths.forEach((path, shade) => {
        ctx.strokeStyle = color(shade);
        ctx.stroke(path);
    });
    ctx.restore();
}

/** Stretches along the bottom: one value among thousands is seen, too. */
function drawTicks(plot: uPlot, ticks: NonNullable<ProfileProps['ticks']>, palette: Palette) {
    const { ctx, bbox } = plot;
    const ratio = uPlot.pxRatio;
    const x = (ms: number) => plot.valToPos(ms / 1000, 'x', true);
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const { from, to } of ticks) {
        const width = Math.max(2 * ratio, x(to) - x(from)), left = (x(from) + x(to) - width) / 2;
        ctx.globalAlpha = 0.1;
        ctx.fillStyle = palette.accent;
        ctx.fillRect(left, bbox.top, width, bbox.height);
        ctx.globalAlpha = 1;
        ctx.fillRect(left, bbox.top + bbox.height - 5 * ratio, width, 5 * ratio);
    }
    ctx.restore();
}

/** Small triangles where values lie above the scale. */
function drawBeyond(plot: uPlot, series: Series, palette: Palette) {
    const { ctx, bbox } = plot;
    const ratio = uPlot.pxRatio;
    const from = plot.scales.x.min! * 1000, to = plot.scales.x.max! * 1000;
    ctx.save();
    for (let i = firstAfter(series.end, from); i < series.end.length && series.start[i] < to; i++) {
        if (!(series.value[i] > plot.scales.y.max!)) continue;
        const x = plot.valToPos((series.start[i] + series.end[i]) / 2000, 'x', true);
        ctx.fillStyle = colorOf(palette, series.shade[i]);
        ctx.beginPath();
        ctx.moveTo(x, bbox.top - 8 * ratio);
        ctx.lineTo(x + 4 * ratio, bbox.top);
        ctx.lineTo(x - 4 * ratio, bbox.top);
        ctx.fill();
    }
    ctx.restore();
}

/** What 9 of 10 such estimates were within. */
function drawBand(plot: uPlot, series: Series, palette: Palette) {
    const { ctx } = plot;
    const from = plot.scales.x.min! * 1000, to = plot.scales.x.max! * 1000;
    ctx.save();
    ctx.beginPath();
    ctx.rect(plot.bbox.left, plot.bbox.top, plot.bbox.width, plot.bbox.height);
    ctx.clip();
    ctx.globalAlpha = 0.22;
    ctx.fillStyle = palette.estimated;
    for (let i = firstAfter(series.end, from); i < series.end.length && series.start[i] < to; i++) {
        if (Number.isNaN(series.band[i]) || Number.isNaN(series.value[i])) continue;
        const left = plot.valToPos(series.start[i] / 1000, 'x', true), right = plot.valToPos(series.end[i] / 1000, 'x', true);
        const top = plot.valToPos(series.value[i] + series.band[i], 'y', true);
        const bottom = plot.valToPos(series.value[i] - series.band[i], 'y', true);
        ctx.fillRect(left, top, right - left, bottom - top);
    }
    ctx.restore();
}

/** The stretch of a value whose story is open. */
function drawPicked(plot: uPlot, joined: Joined, palette: Palette, picked: number) {
    const at = firstAfter(joined.end, picked - 1);
    if (at >= joined.end.length || joined.end[at] !== picked) return;
    const { ctx, bbox } = plot;
    const left = plot.valToPos(joined.start[at] / 1000, 'x', true), right = plot.valToPos(picked / 1000, 'x', true);
    if (right < bbox.left || left > bbox.left + bbox.width) return;
    ctx.save();
    ctx.globalAlpha = 0.18;
    ctx.fillStyle = palette.accent;
    ctx.fillRect(left - 1, bbox.top, Math.max(right - left, 2) + 2, bbox.height);
    ctx.restore();
}

interface Live { joined: Joined; props: ProfileProps }

function makeOptions(palette: Palette, live: { current: Live }, rawApart: boolean, narrow: boolean, show: (index: number | null) => void) {
    const draw = (plot: uPlot) => {
        const { props, joined } = live.current;
        const visible = (props.to - props.from) / Math.max(1, plot.bbox.width);
        if (props.ticks) drawTicks(plot, props.ticks, palette);
        if (props.picked) drawPicked(plot, joined, palette, props.picked);
        if (visible * 3 < (props.series.end[1] ?? 0) - (props.series.end[0] ?? 0)) drawBand(plot, props.series, palette);
        if (props.raw) drawLine(plot, props.raw, rawApart ? 'raw' : 'y', () => palette.raw, 1);
        drawLine(plot, props.series, 'y', shade => colorOf(palette, shade), 1.6);
        if (props.most) drawBeyond(plot, props.series, palette);
    };
    const range = (_: uPlot, min: number | null, max: number | null): [number, number] => {
        if (min === null || max === null) return [0, 1];
        const zero = live.current.props.series.kind === 'interval';
        const top = Math.min(max, live.current.props.most ?? Infinity);
        const scale = niceScale(zero ? Math.min(0, min) : min, zero ? Math.max(0, top) : top);
        return [scale.min, scale.max];
    };
    const lane = (scale: string): uPlot.Series => ({ scale, paths: () => null, points: { show: false } });
    const size = narrow ? 44 : 58;
    const options: Omit<uPlot.Options, 'width' | 'height'> = {
        legend: { show: false },
        padding: [10, 24, 0, 0],
        tzDate: seconds => uPlot.tzDate(new Date(seconds * 1000), live.current.props.zone),
        scales: {
            x: { time: true, range: () => [live.current.props.from / 1000, live.current.props.to / 1000] },
            y: { range }, raw: { range },
        },
        series: [{}, lane('y'), lane(rawApart ? 'raw' : 'y')],
        axes: [
            axis(palette, { space: narrow ? 56 : 72, values: timeLabels }),
            axis(palette, { size, label: live.current.props.series.unit, values: (_, ticks) => ticks.map(rounded) }),
            ...rawApart ? [axis(palette, {
                size, scale: 'raw', side: 1, grid: { show: false }, label: `${live.current.props.rawName ?? 'raw'}, ${live.current.props.raw!.unit}`,
                values: (_, ticks) => ticks.map(rounded),
            } as uPlot.Axis)] : [],
        ],
        cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false, dist: 4 } },
        hooks: {
            drawClear: [plot => drawHatching(plot, live.current.props.series, palette, live.current.props.mark)],
            draw: [draw],
            setCursor: [plot => show(plot.cursor.idx ?? null)],
            setSelect: [plot => {
                const { left, width } = plot.select;
                if (width < 4) return;
                const from = plot.posToVal(left, 'x') * 1000, to = plot.posToVal(left + width, 'x') * 1000;
                plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
                const { series } = live.current.props; // whole intervals, as long as they are short
                const grid = Math.min(HOUR, Math.max(MINUTE, series.end[0] - series.start[0] || MINUTE));
                live.current.props.onZoom?.(Math.floor(from / grid) * grid, Math.ceil(to / grid) * grid);
            }],
        },
    };
    return options;

    function timeLabels(_: uPlot, ticks: number[], __: number, ___: number, step: number): string[] {
        const zone = live.current.props.zone;
        let year = '';
        return ticks.map((tick, i) => {
            const text = localMinute(tick * 1000, zone), day = Number(text.slice(8, 10));
            const month = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'][Number(text.slice(5, 7)) - 1];
            const under = year === text.slice(0, 4) ? '' : `\n${year = text.slice(0, 4)}`;
            if (step >= 86400 * 27) return `${month}${under}`;
            if (step >= 86400) return `${day} ${month}${under}`;
            const clock = localClock(tick * 1000, zone);
            return i === 0 || clock === '00:00' ? `${clock}\n${day} ${month}` : clock;
        });
    }
}

/** The value under the cursor, in words. */
function readout({ joined, props }: Live, index: number | null): string {
    if (index === null || index >= joined.end.length) return '';
    const { series, raw, zone } = props;
    const i = joined.series[index], j = joined.raw[index];
    const start = joined.start[index], end = joined.end[index];
    const when = start === end ? localExact(end, zone) : stretch(start, end, zone);
    const parts = [when];
    if (i >= 0) {
        const quality = parseQuality(series.quality[i]);
        parts.push(quantity(Number.isNaN(series.value[i]) ? null : series.value[i], series.unit)
            + (Number.isNaN(series.band[i]) ? '' : ` ± ${rounded(series.band[i])}`));
        parts.push([quality.state, ...quality.marks].join(', ') + (quality.checks.length ? ` (${quality.checks.join(', ')})` : ''));
    }
    if (raw && j >= 0) parts.push(`${props.rawName ?? 'raw'} ${quantity(Number.isNaN(raw.value[j]) ? null : raw.value[j], raw.unit)}`);
    return parts.join('  ·  ');
}

export function Profile(props: ProfileProps) {
    const palette = usePalette();
    const joined = useMemo(() => join(props.series, props.raw), [props.series, props.raw]);
    const live = useRef<Live>({ joined, props });
    live.current = { joined, props };
    const plot = useRef<uPlot | null>(null);
    const [index, setIndex] = useState<number | null>(null);
    const [byKeys, setByKeys] = useState(false);
    const rawApart = !!props.raw && props.raw.unit !== props.series.unit;
    const narrow = innerWidth < 600;
    const options = useMemo(() => makeOptions(palette, live, rawApart, narrow, setIndex),
        [palette.key, rawApart, props.series.unit, props.zone]);

    useEffect(() => { // what options read through `live` has changed
        plot.current?.batch(() => {
            plot.current!.setScale('x', { min: props.from / 1000, max: props.to / 1000 });
            plot.current!.setScale('y', { min: null as unknown as number, max: null as unknown as number });
            plot.current!.redraw(false, true);
        });
    }, [props.from, props.to, props.picked, props.mark?.from, props.mark?.to, props.most, props.ticks]);

    const ready = (made: uPlot | null) => {
        plot.current = made;
        let down = 0;
        made?.over.addEventListener('mousedown', event => { down = event.clientX; });
        made?.over.addEventListener('click', event => {
            if (Math.abs(event.clientX - down) < 4 && made.cursor.idx !== null && made.cursor.idx !== undefined)
                live.current.props.onPick?.(live.current.joined.end[made.cursor.idx]);
        });
        made?.over.addEventListener('dblclick', () => live.current.props.onReset?.());
    };

    const move = (to: number) => {
        const made = plot.current;
        if (!made || joined.end.length === 0) return;
        const at = Math.min(joined.end.length - 1, Math.max(0, to));
        const middle = (joined.start[at] + joined.end[at]) / 2;
        const span = props.to - props.from;
        if (middle < props.from || middle > props.to) // the window follows the cursor
            props.onZoom?.(middle < props.from ? middle - span * 0.1 : middle - span * 0.9, middle < props.from ? middle + span * 0.9 : middle + span * 0.1);
        setByKeys(true);
        made.setCursor({ left: made.valToPos(middle / 1000, 'x'), top: 10 });
        setIndex(at);
    };
    const keys = (event: KeyboardEvent) => {
        const first = firstAfter(joined.end, props.from), last = Math.max(first, firstAfter(joined.end, props.to) - 1);
        const here = index ?? first - 1;
        const step = event.shiftKey ? Math.max(1, Math.round((last - first) / 20)) : 1;
        const center = index !== null ? joined.end[index] : (props.from + props.to) / 2;
        const zoom = (factor: number) => props.onZoom?.(
            Math.round(center - (center - props.from) * factor), Math.round(center + (props.to - center) * factor));
        const actions: Record<string, () => void> = {
            ArrowRight: () => move(here + step), ArrowLeft: () => move(here - step),
            Home: () => move(first), End: () => move(last),
            Enter: () => { if (index !== null) props.onPick?.(joined.end[index]); },
            '+': () => zoom(0.5), '=': () => zoom(0.5), '-': () => zoom(2),
            '0': () => props.onReset?.(), Escape: () => props.onReset?.(),
        };
        if (event.ctrlKey || event.metaKey || event.altKey || !actions[event.key]) return;
        event.preventDefault();
        actions[event.key]();
    };

    return (
        <div class="profile">
            <div class="focusable" tabIndex={0} role="group" onKeyDown={keys} onBlur={() => setByKeys(false)}
                aria-label="Values over time. Arrow keys move from value to value, Enter tells a value's story, plus and minus zoom, 0 shows all.">
                <div role="img" aria-label={props.label}>
                    <Plot options={options} data={joined.data} height={props.height ?? 320} onReady={ready} />
                </div>
            </div>
            <output class="readout" aria-live={byKeys ? 'polite' : 'off'}>
                {readout(live.current, index) || (props.onPick ? 'Drag to zoom, double-click to zoom out, click a value for its story.' : props.onZoom ? 'Drag to zoom, double-click to zoom out.' : '\u00a0')}
            </output>
        </div>
    );
}
