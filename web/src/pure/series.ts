// Series of values as columns, and what charts make of them. Pure: arrays in, arrays out.
import { HOUR, type LocalDay } from './time';
import { Shade, shadeOf } from './quality';

/** One channel of `shape=columns`, with its qualities judged once. Instants have start = end. */
export interface Series {
    channel: string;
    unit: string;
    kind: string;
    zone: string;
    start: Float64Array;
    end: Float64Array;
    value: Float64Array; // NaN: none
    shade: Uint8Array;
    quality: string[];   // of each value
    band: Float64Array;  // NaN: not known
}

export interface Columns {
    channel: string; unit: string; kind: string; zone: string;
    start: number[]; end: number[]; value: (number | null)[];
    quality: number[]; qualities: string[]; band?: (number | null)[];
}

function numbers(values: (number | null)[] | undefined, size: number): Float64Array {
    const result = new Float64Array(size).fill(NaN);
    if (values)
        for (let i = 0; i < size; i++) {
            const value = values[i];
            if (value !== null && value !== undefined) result[i] = value;
        }
    return result;
}

export function readColumns(columns: Columns): Series {
    const size = columns.end.length;
    const shades = columns.qualities.map(shadeOf);
    return {
        channel: columns.channel, unit: columns.unit, kind: columns.kind, zone: columns.zone,
        start: new Float64Array(columns.start), end: new Float64Array(columns.end),
        value: numbers(columns.value, size),
        shade: new Uint8Array(columns.quality.map((index, i) => columns.value[i] === null ? Shade.Missing : shades[index])),
        quality: columns.quality.map(index => columns.qualities[index]),
        band: numbers(columns.band, size),
    };
}

/** The first index with end > ms; end is ascending. */
export function firstAfter(end: Float64Array, ms: number): number {
    let low = 0, high = end.length;
    while (low < high) {
        const middle = (low + high) >> 1;
        if (end[middle] > ms) high = middle;
        else low = middle + 1;
    }
    return low;
}

/** What lies in [from, to): intervals that begin there, instants that are there. */
export function slice(series: Series, from: number, to: number): Series {
    const instants = series.kind !== 'interval' || isInstants(series);
    const first = instants ? firstAfter(series.end, from - 1) : firstAfter(series.end, from);
    const last = instants ? firstAfter(series.end, to - 1) : firstAfter(series.end, to);
    return {
        ...series,
        start: series.start.subarray(first, last), end: series.end.subarray(first, last),
        value: series.value.subarray(first, last), shade: series.shade.subarray(first, last),
        quality: series.quality.slice(first, last), band: series.band.subarray(first, last),
    };
}

export function isInstants(series: Series): boolean {
    return series.end.length > 0 && series.start[0] === series.end[0];
}

export interface Span { from: number; to: number; shade: Shade }

/** Runs of values that are neither measured nor edited: what is hatched. */
export function spans(series: Series): Span[] {
    const runs: Span[] = [];
    for (let i = 0; i < series.end.length; i++) {
        const shade = series.shade[i];
        if (shade < Shade.Estimated) continue;
        const last = runs[runs.length - 1];
        if (last && last.shade === shade && last.to === series.start[i]) last.to = series.end[i];
        else runs.push({ from: series.start[i], to: series.end[i], shade });
    }
    return runs;
}

export interface Buckets { index: number[]; min: number[]; max: number[]; last: number[]; shade: Shade[] }

/** At most `count` buckets of equal time over [from, to): what one pixel column shows. Empty ones are left out. */
export function buckets(series: Series, from: number, to: number, count: number): Buckets {
    const result: Buckets = { index: [], min: [], max: [], last: [], shade: [] };
    const width = (to - from) / count;
    for (let i = firstAfter(series.end, from); i < series.end.length && series.start[i] < to; i++) {
        const value = series.value[i];
        if (Number.isNaN(value)) continue;
        const middle = (series.start[i] + series.end[i]) / 2;
        const index = Math.min(count - 1, Math.max(0, Math.floor((middle - from) / width)));
        const at = result.index.length - 1;
        if (at >= 0 && result.index[at] === index) {
            if (value < result.min[at]) result.min[at] = value;
            if (value > result.max[at]) result.max[at] = value;
            if (series.shade[i] > result.shade[at]) result.shade[at] = series.shade[i];
            result.last[at] = value;
        } else {
            result.index.push(index);
            result.min.push(value);
            result.max.push(value);
            result.last.push(value);
            result.shade.push(series.shade[i]);
        }
    }
    return result;
}

export interface Facts {
    count: number; total: number; mean: number;
    max: number; maxAt: number; min: number; minAt: number; // indexes; -1: no value
    seconds: number;                                        // covered by values
    shades: number[];                                       // values of each shade
}

export function facts(series: Series): Facts {
    const result: Facts = {
        count: 0, total: 0, mean: NaN, max: NaN, maxAt: -1, min: NaN, minAt: -1, seconds: 0, shades: [0, 0, 0, 0, 0],
    };
    for (let i = 0; i < series.end.length; i++) {
        const value = series.value[i];
        result.shades[series.shade[i]]++;
        if (Number.isNaN(value)) continue;
        result.count++;
        result.total += value;
        result.seconds += (series.end[i] - series.start[i]) / 1000;
        if (result.maxAt < 0 || value > result.max) { result.max = value; result.maxAt = i; }
        if (result.minAt < 0 || value < result.min) { result.min = value; result.minAt = i; }
    }
    if (result.count) result.mean = result.total / result.count;
    return result;
}

/** Where a scale may end so that suspect values do not press all others flat; null: they do not. */
export function usualTop(series: Series): number | null {
    let usual = -Infinity, most = -Infinity;
    for (let i = 0; i < series.end.length; i++) {
        if (series.value[i] > most) most = series.value[i];
        if (series.shade[i] < Shade.Suspect && series.value[i] > usual) usual = series.value[i];
    }
    return usual > 0 && most > 2 * usual ? usual : null;
}

/** Suspect values left out: what a peak or a duration is told of. */
export function unsuspected(series: Series): Series {
    return series.shade.includes(Shade.Suspect)
        ? { ...series, value: series.value.map((value, i) => series.shade[i] === Shade.Suspect ? NaN : value) } : series;
}

/** An amount of an interval as the mean rate over it: kWh → kW, m³ → m³/h. */
export function rate(series: Series): { value: Float64Array; unit: string } {
    const unit = /^([kMG]?)(W|VA|var)h$/.exec(series.unit);
    if (series.kind !== 'interval' || isInstants(series)) return { value: series.value, unit: series.unit };
    const value = series.value.map((amount, i) => {
        const hours = (series.end[i] - series.start[i]) / HOUR;
        return hours > 0 ? amount / hours : NaN;
    });
    return { value, unit: unit ? unit[1] + unit[2] : `${series.unit}/h` };
}

/** Values from greatest to least, without those that are none. */
export function durationCurve(values: Float64Array): Float64Array {
    return values.filter(value => !Number.isNaN(value)).sort().reverse();
}

export interface DayProfile { day: LocalDay; hour: number[]; value: number[]; total: number; max: number; missing: number }

/** Each local day's values by hours since it began: a day of 23 hours ends at 23, one of 25 at 25. */
export function dayProfiles(series: Series, values: Float64Array, days: LocalDay[]): DayProfile[] {
    const profiles: DayProfile[] = [];
    let i = 0;
    for (const day of days) {
        while (i < series.end.length && series.end[i] <= day.start) i++;
        const profile: DayProfile = { day, hour: [], value: [], total: 0, max: NaN, missing: 0 };
        for (; i < series.end.length && series.start[i] < day.end && series.end[i] <= day.end; i++) {
            profile.hour.push((series.start[i] - day.start) / HOUR);
            profile.value.push(values[i]);
            if (Number.isNaN(values[i])) { profile.missing++; continue; }
            profile.total += series.value[i];
            if (!(profile.max >= values[i])) profile.max = values[i];
        }
        profiles.push(profile);
    }
    return profiles;
}

/** Round limits of a scale around [min, max], with at most about `ticks` steps. */
export function niceScale(min: number, max: number, ticks = 5): { min: number; max: number; step: number } {
    if (!(max > min)) max = min + (Math.abs(min) || 1);
    const rough = (max - min) / ticks;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = power * ([1, 2, 5, 10].find(factor => factor * power >= rough) ?? 10);
    return { min: Math.floor(min / step) * step, max: Math.ceil(max / step) * step, step };
}
