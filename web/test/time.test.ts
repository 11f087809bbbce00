import { describe, expect, it } from 'vitest';
import {
    addDays, dateWords, dayHours, daysBetween, HOUR, isDate, localDate, localDays, localExact, readInterval, readMoment, startOfDay, stretch, utcText, writeMoment, zoneOffset,
} from '../src/pure/time';

const AMSTERDAM = 'Europe/Amsterdam';
const at = (text: string) => Date.parse(text);

describe('local days', () => {
    it('have 23, 24 and 25 hours', () => {
        expect(dayHours('2026-03-28', AMSTERDAM)).toBe(24);
        expect(dayHours('2026-03-29', AMSTERDAM)).toBe(23);
        expect(dayHours('2025-10-26', AMSTERDAM)).toBe(25);
        expect(dayHours('2026-04-05', 'Australia/Lord_Howe')).toBe(24.5);
    });
    it('begin at local midnight', () => {
        expect(utcText(startOfDay('2026-03-29', AMSTERDAM))).toBe('2026-03-28T23:00:00Z');
        expect(utcText(startOfDay('2026-03-30', AMSTERDAM))).toBe('2026-03-29T22:00:00Z');
        expect(utcText(startOfDay('2026-01-01', 'UTC'))).toBe('2026-01-01T00:00:00Z');
        expect(utcText(startOfDay('2026-01-01', 'America/St_Johns'))).toBe('2026-01-01T03:30:00Z');
        expect(utcText(startOfDay('2026-01-01', 'Pacific/Kiritimati'))).toBe('2025-12-31T10:00:00Z');
    });
    it('begin after midnight where the clock skips it', () => { // Beirut, 2026-03-29: 00:00 becomes 01:00
        const start = startOfDay('2026-03-29', 'Asia/Beirut');
        expect(localDate(start, 'Asia/Beirut')).toBe('2026-03-29');
        expect(localDate(start - 1, 'Asia/Beirut')).toBe('2026-03-28');
    });
    it('begin at the first midnight where it comes twice', () => { // Havana, 2025-11-02: 01:00 becomes 00:00
        const start = startOfDay('2025-11-02', 'America/Havana');
        expect(localDate(start - 1, 'America/Havana')).toBe('2025-11-01');
        expect(dayHours('2025-11-02', 'America/Havana')).toBe(25);
    });
    it('cover a period without holes', () => {
        for (const zone of [AMSTERDAM, 'UTC', 'America/New_York', 'Australia/Sydney', 'Asia/Beirut', 'America/Havana']) {
            const days = localDays(at('2025-01-01T00:00:00Z'), at('2026-12-31T00:00:00Z'), zone);
            for (let i = 1; i < days.length; i++) {
                expect(days[i].start).toBe(days[i - 1].end);
                expect(days[i].date).toBe(addDays(days[i - 1].date, 1));
            }
        }
        expect(localDays(5, 5, AMSTERDAM)).toEqual([]);
    });
});

describe('texts of times', () => {
    it('tell the two hours of an autumn night apart', () => {
        expect(localExact(at('2025-10-26T00:30:00Z'), AMSTERDAM)).toBe('2025-10-26 02:30 +02:00');
        expect(localExact(at('2025-10-26T01:30:00Z'), AMSTERDAM)).toBe('2025-10-26 02:30 +01:00');
        expect(stretch(at('2025-10-26T00:45:00Z'), at('2025-10-26T01:00:00Z'), AMSTERDAM)).toBe('2025-10-26 02:45 +02:00 – 02:00 +01:00');
        expect(stretch(at('2026-01-01T00:00:00Z'), at('2026-01-01T00:15:00Z'), AMSTERDAM)).toBe('2026-01-01 01:00 – 01:15 +01:00');
    });
    it('are read back as they were written', () => {
        for (const text of ['2026-03-29', '2026-03-29T01:15:00Z', '2025-10-26', '2026-03-28T23:00:00.500Z'])
            expect(writeMoment(readMoment(text, AMSTERDAM), AMSTERDAM)).toBe(text);
        expect(writeMoment(at('2026-03-28T23:00:00Z'), AMSTERDAM)).toBe('2026-03-29');
        expect(readMoment('tomorrow', AMSTERDAM)).toBeNaN();
        expect(readMoment('', AMSTERDAM)).toBeNaN();
    });
    it('know dates', () => {
        expect(isDate('2026-02-29')).toBe(false);
        expect(isDate('2024-02-29')).toBe(true);
        expect(isDate('2024-2-9')).toBe(false);
        expect(daysBetween('2026-03-01', '2026-04-01')).toBe(31);
        expect(dateWords('2026-03-29')).toBe('Sun 29 Mar 2026');
        expect(readInterval('15m')).toBe(HOUR / 4);
        expect(readInterval('')).toBeNaN();
    });
    it('take a zone that nobody knows for UTC', () => {
        expect(zoneOffset(at('2026-07-01T00:00:00Z'), 'Atlantis/Capital')).toBe(0);
    });
});
