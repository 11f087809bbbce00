// Light and dark. The system's wish holds until the reader chooses; canvases read their colours from the style sheet.
import { useEffect, useState } from 'preact/hooks';

export type Theme = 'auto' | 'light' | 'dark';
const KEY = 'busbar.theme';
const dark = matchMedia('(prefers-color-scheme: dark)');

export function theme(): Theme {
    try {
        const stored = localStorage.getItem(KEY);
        return stored === 'light' || stored === 'dark' ? stored : 'auto';
    } catch {
        return 'auto'; // storage is forbidden: nothing to remember
    }
}

export function setTheme(wanted: Theme) {
    try {
        localStorage.setItem(KEY, wanted);
    } catch { /* holds until the page is left */ }
    applyTheme(wanted);
}

export function applyTheme(wanted: Theme = theme()) {
    const root = document.documentElement;
    root.dataset.theme = wanted === 'auto' ? (dark.matches ? 'dark' : 'light') : wanted;
    window.dispatchEvent(new Event('busbar:theme'));
}

dark.addEventListener('change', () => applyTheme());

export interface Palette {
    surface: string; sunken: string; line: string; ink: string; muted: string; accent: string;
    measured: string; edited: string; estimated: string; suspect: string; missing: string; raw: string;
    ramp: string[];   // from little to much
    series: string[]; // of lines that lie on each other
    key: string;      // changes when any of them does
}

function readPalette(): Palette {
    const style = getComputedStyle(document.documentElement);
    const read = (name: string) => style.getPropertyValue(`--${name}`).trim();
    return {
        surface: read('surface'), sunken: read('sunken'), line: read('line'), ink: read('ink'), muted: read('muted'),
        accent: read('accent'), measured: read('measured'), edited: read('edited'), estimated: read('estimated'),
        suspect: read('suspect'), missing: read('missing'), raw: read('raw'),
        ramp: [0, 1, 2, 3, 4].map(i => read(`ramp-${i}`)),
        series: [0, 1, 2, 3, 4, 5, 6].map(i => read(`series-${i}`)),
        key: document.documentElement.dataset.theme ?? '',
    };
}

export function usePalette(): Palette {
    const [palette, setPalette] = useState(readPalette);
    useEffect(() => {
        const read = () => setPalette(readPalette());
        window.addEventListener('busbar:theme', read);
        read();
        return () => window.removeEventListener('busbar:theme', read);
    }, []);
    return palette;
}

/** Diagonal lines; the other way round for what is missing, so that the two differ without colour. */
export function hatch(context: CanvasRenderingContext2D, color: string, ratio: number, falling = false): CanvasPattern {
    const size = Math.round(6 * ratio);
    const tile = document.createElement('canvas');
    tile.width = tile.height = size;
    const draw = tile.getContext('2d')!;
    draw.strokeStyle = color;
    draw.lineWidth = ratio;
    draw.lineCap = 'square';
    draw.beginPath();
    for (const shift of [-size, 0, size]) {
        draw.moveTo(shift, falling ? 0 : size);
        draw.lineTo(shift + size, falling ? size : 0);
    }
    draw.stroke();
    return context.createPattern(tile, 'repeat')!;
}

/** 256 colours along a ramp: for whoever paints tens of thousands of cells. */
export function shades(ramp: string[]): [number, number, number][] {
    return Array.from({ length: 256 }, (_, i) => mix(ramp, i / 255));
}

export function mix(ramp: string[], share: number): [number, number, number] {
    const at = Math.min(1, Math.max(0, share)) * (ramp.length - 1);
    const low = Math.min(ramp.length - 2, Math.floor(at));
    const a = rgb(ramp[low]), b = rgb(ramp[low + 1]);
    return [0, 1, 2].map(i => Math.round(a[i] + (b[i] - a[i]) * (at - low))) as [number, number, number];
}

export function rgb(hex: string): [number, number, number] {
    const n = parseInt(hex.replace('#', ''), 16);
    return [n >> 16 & 255, n >> 8 & 255, n & 255];
}
