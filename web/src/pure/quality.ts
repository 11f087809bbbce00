// Quality texts: "estimated|method:linear|check:gap". The first word is the state; the rest are marks, the method,
// the checks that spoke and the source's own code.

export interface Quality {
    state: string;
    marks: string[];
    method: string | null;
    checks: string[];
    source: string | null;
    other: string[]; // words of a later server: shown as they are
}

const STATES = new Set(['measured', 'estimated', 'edited', 'substituted', 'missing', 'partial']);

export function parseQuality(text: string): Quality {
    const quality: Quality = { state: '', marks: [], method: null, checks: [], source: null, other: [] };
    for (const word of text.split('|')) {
        const colon = word.indexOf(':');
        const value = word.slice(colon + 1);
        if (!word) continue;
        if (colon < 0) {
            if (!quality.state && STATES.has(word)) quality.state = word;
            else quality.marks.push(word);
        } else if (word.startsWith('method:')) quality.method = value;
        else if (word.startsWith('check:')) quality.checks.push(value);
        else if (word.startsWith('source:')) quality.source = value;
        else quality.other.push(word);
    }
    return quality;
}

/** How a value is drawn, from calm to worst. */
export enum Shade { Measured = 0, Edited = 1, Estimated = 2, Suspect = 3, Missing = 4 }

export const SHADES = ['measured', 'edited', 'estimated', 'suspect', 'missing'] as const;

export function shadeOf(text: string): Shade {
    const quality = parseQuality(text);
    if (quality.state === 'missing') return Shade.Missing;
    if (quality.marks.includes('suspect')) return Shade.Suspect;
    if (quality.state === 'estimated' || quality.marks.includes('estimated')) return Shade.Estimated;
    if (quality.state === 'edited' || quality.state === 'substituted' || quality.marks.includes('accepted'))
        return Shade.Edited;
    return Shade.Measured;
}
