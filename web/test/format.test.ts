import { describe, expect, it } from 'vitest';
import { bytes, compact, duration, number, percent, plural, rounded, words } from '../src/pure/format';

describe('numbers', () => {
    it('keep their digits', () => {
        expect(number(0.000001)).toBe('0.000001');
        expect(number(1e-9)).toBe('0.000000001');
        expect(number(30299.79)).toBe('30\u202f299.79');
        expect(number(1234)).toBe('1234');
        expect(number(1234567)).toBe('1\u202f234\u202f567');
        expect(number(-238.674)).toBe('\u2212238.674');
        expect(number(null)).toBe('–');
        expect(number(-0.0001, 2)).toBe('0.00');
    });
    it('are rounded where nobody reads a meter from them', () => {
        expect([0, 0.12345678, 12.3456, 12345.6].map(rounded)).toEqual(['0', '0.1235', '12.35', '12\u202f346']);
        expect(compact(1_534_882)).toBe('1.53\u202fM');
        expect(compact(12_400)).toBe('12.4\u202fk');
        expect(compact(7)).toBe('7');
        expect(bytes(13_423_486)).toBe('12.8\u202fMiB');
    });
});

describe('shares', () => {
    it('are whole only when nothing is missing', () => {
        expect(percent(99_999, 100_000)).toBe('> 99.9 %');
        expect(percent(1, 100_000)).toBe('< 0.1 %');
        expect(percent(0, 10)).toBe('0 %');
        expect(percent(10, 10)).toBe('100 %');
        expect(percent(0, 0)).toBe('–');
    });
});

describe('words', () => {
    it('are those that people use', () => {
        expect(duration(93_784)).toBe('1 d 2 h');
        expect(duration(3_600)).toBe('1 h');
        expect(duration(2.44)).toBe('2.4 s');
        expect(duration(0.002)).toBe('2 ms');
        expect(duration(0)).toBe('0 s');
        expect(plural(1, 'value')).toBe('1 value');
        expect(plural(2, 'value')).toBe('2 values');
        expect(words('average_like_day_scaled')).toBe('average like day, scaled');
    });
});
