import { describe, expect, it } from 'vitest';
import { parseQuality, Shade, shadeOf } from '../src/pure/quality';

describe('a quality', () => {
    it('is taken apart', () => {
        expect(parseQuality('estimated|method:linear|check:gap')).toEqual({ state: 'estimated', marks: [], method: 'linear', checks: ['gap'], source: null, other: [] });
        expect(parseQuality('measured|suspect|reverse|check:register|check:sum|source:A56')).toEqual(
            { state: 'measured', marks: ['suspect', 'reverse'], method: null, checks: ['register', 'sum'], source: 'A56', other: [] });
    });
    it('keeps what a later server adds', () => {
        expect(parseQuality('measured|rule:abc@1').other).toEqual(['rule:abc@1']);
        expect(parseQuality('').state).toBe('');
    });
    it('has the shade of its worst word', () => {
        expect(shadeOf('measured|check:gap')).toBe(Shade.Measured);
        expect(shadeOf('measured|suspect|check:high')).toBe(Shade.Suspect);
        expect(shadeOf('estimated|method:linear')).toBe(Shade.Estimated);
        expect(shadeOf('partial|estimated')).toBe(Shade.Estimated);
        expect(shadeOf('edited')).toBe(Shade.Edited);
        expect(shadeOf('measured|accepted')).toBe(Shade.Edited);
        expect(shadeOf('missing|check:gap')).toBe(Shade.Missing);
    });
});
