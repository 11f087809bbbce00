import { describe, expect, it } from 'vitest';
import { fieldsOf } from '../src/pure/log';

describe('a line of the log', () => {
    it('has fields of its own besides those of every line', () => {
        const line = { serial: 7, process: 4711, time: '2026-03-01T00:15:00.000Z', level: 'warning', message: 'a worker ended', decision: 'worker-restart' };
        expect(fieldsOf({ ...line, worker: 1, why: '', signal: 9, file: 'a b' })).toEqual([['worker', '1'], ['signal', '9'], ['file', 'a b']]);
        expect(fieldsOf(line)).toEqual([]);
        expect(fieldsOf({ ...line, again_in_ms: 0 })).toEqual([['again_in_ms', '0']]);
    });
});
