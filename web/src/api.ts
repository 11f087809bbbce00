// The one place that talks to the plant: its public API, with the shapes it answers. The key, when one is needed,
// lives in this tab alone (sessionStorage) and goes only where this page came from.
import type { LogLine } from './pure/log';
import type { DiffRow, Parameters, Values } from './pure/rules';
import type { Columns } from './pure/series';

export type Lane = 'raw' | 'vee' | 'hour' | 'day' | 'month';

export interface Page<T> { items: T[]; next: string | null }

export interface UsagePoint {
    usage_point: string; commodity: string; zone: string; calendar: string; customer: string; channels: number;
    tags?: Record<string, string>;
}

export interface Channel {
    usage_point: string; channel: string; kind: 'interval' | 'register' | 'gauge' | 'event' | string;
    interval: string; unit: string; commodity: string; obis: string; zone: string;
}

export interface Installation {
    device: string; from: string; to?: string; multiplier?: number; dials?: number; reason?: string;
    opening?: Record<string, number>; closing?: Record<string, number>;
}

export interface MasterData {
    name: string; commodity?: string; zone?: string; calendar?: string; customer?: string; connection?: string;
    grid_area?: string; tariff?: string;
    tags?: Record<string, string>;
    installations?: Installation[];
    channels?: { name: string; obis?: string; kind?: string; unit?: string; interval?: string; alias?: string; one_way?: boolean }[];
}

export interface ValueRow {
    usage_point: string; channel: string; lane: Lane; start: string; end: string;
    value: number | null; unit: string; quality: string;
    band?: number; min?: number; max?: number; present?: number; estimated?: number; measured?: number;
}

export interface ColumnsAnswer { usage_point: string; lane: Lane; channels: Columns[] }

export interface StoryValue { start: string; end: string; value: number | null; unit: string; quality: string; min?: number; max?: number }

export interface StoryVersion extends StoryValue {
    recorded: string; first_source: string; received: string; source: string; line: number; issued: string | null;
    act?: string; by?: string; reason?: string; stands: boolean; why: string;
}

export interface StoryFinding {
    check: string; what: string; hard: boolean; at: string; from: string; to: string; a: number; b: number; evidence: string;
}

/** What a rule of the tenant's own said of it. */
export interface StoryRule {
    rule: string; version: string; said: string; at: string; value: number | null; reason: string; evidence: Record<string, number | null> | string | null;
}

export interface StoryEstimate {
    method: string; from: string | null; to: string | null; intervals: number;
    before: StoryValue | null; after: StoryValue | null; band: number | null;
    like_days: { start: string; end: string; value: number; used: boolean }[];
    registers: null | {
        from: string; to: string; advance: number; told: number; told_seconds: number; missing: number;
        part_from: string; part_to: string; scaled_to: number;
        meters: { channel: string; from_reading: number | null; to_reading: number | null; unit: string }[];
    };
}

export interface StoryPart {
    start: string; end: string; count: number; amount: number | null; quality: string; estimated: boolean;
    event?: string; device?: string; from_reading?: number | null; to_reading?: number | null; factor?: number | null;
}

export interface Story extends StoryValue {
    usage_point: string; channel: string; kind: string; lane: Lane; as_of: string | null; at: string;
    held: 'exact' | 'inside' | 'nearest'; factor: number | null; profile?: string;
    versions: StoryVersion[]; findings: StoryFinding[]; findings_total: number;
    rules: StoryRule[];
    estimate: StoryEstimate | null;
    period: null | {
        lane: Lane; zone: string; day_start_seconds: number; values: number; covered_share: number; measured_share: number;
        register_at_start: number | null; register_at_end: number | null; parts: StoryPart[];
        set_aside: (StoryValue & { why: string })[];
    };
}

export interface CompletenessRow {
    usage_point: string; channel: string; start: string; end: string;
    expected: number; present: number; estimated: number; missing: number;
    measured_share: number; contiguous_to: string | null;
}

export interface Exception {
    id: number; usage_point: string; channel: string; check: string; from: string; to: string;
    state: 'open' | 'accepted' | 'estimated' | 'edited' | 'closed' | string;
    opened: string; closed: string | null; by: string; reason: string; opened_by: string; closed_by: string;
}

export interface Finding {
    usage_point: string; channel: string; check: string; from: string; to: string; at: string; hard: boolean;
    a: number; b: number; exponent: number; quality: string;
}

export interface FileRow {
    id: string;
    /** The id under which all of it counts by now. */
    replayed: string | null;
    source: string; received: string; state: 'done' | 'refused' | 'partial' | string;
    readings: number; rejected: number; bytes: number;
    errors: { line: number; code: string; reason: string }[];
}

/** A partition of the log whose next record is damaged. */
export interface Standing { partition: number; offset: number; code: string; reason: string }
export interface DeadLetters extends Page<FileRow> { standing: Standing[] }

export interface ReplayAnswer {
    source: string; outcome: 'done' | 'partial' | 'known'; id: string | null; readings: number; rejected: number; derived: boolean;
    errors: { line: number; code: string; reason: string }[];
}

export interface Overview {
    now: string;
    readings_per_second: Record<string, number>;
    readings_total: number;
    stages: { stage: string; lag_readings: number; oldest_age_s: number }[];
    workers: { stage: string; pid: number; state: string }[];
    completeness: null | { day: string; expected: number; present: number; estimated: number; missing: number };
    exceptions_open: number;
    exceptions_by_check: Record<string, number>;
    usage_points: number; channels: number; store_bytes: number; log_bytes: number;
    /** Offered by servers that know their objectives; the page shows it when it is there. */
    slo?: { name: string; objective: number; burn: Record<string, number> }[];
}

export interface LogQuery { level?: string; decision?: number; limit?: number }

export interface Me { tenant: string; role: 'reader' | 'ingest' | 'admin' | 'local' | string; name: string }

export interface RuleVersion {
    rule: string; state: 'deployed' | 'canary' | string; latest: boolean; lane: Lane; channel: string; commodity?: string;
    version: string; module: string; function: string; parameters: Values;
    /** What it speaks of: values that end behind `from` and not behind `to`. */
    from?: string | null; to?: string | null;
    share: number; by: string; reason: string; deployed: string;
}

/** In a list parameters are a text. */
type RuleRow = Omit<RuleVersion, 'parameters'> & { parameters: Values | string };

export interface RuleChange {
    at: string; done: 'deployed' | 'rolled back' | string; rule: string; version: string;
    /** Since then; empty: the rule was gone. */
    speaks: string;
    parameters: string; from: string | null; share: number; by: string; reason: string;
}

/** Since the server started; seconds are those of processors. */
export interface RuleCost { windows: number; points: number; failures: number; seconds: number }

/** Costs are those of all rules, on every page. */
export interface RulePage extends Page<RuleVersion> { costs: Record<string, RuleCost> }

export interface Rule {
    rule: string; lane: Lane; channel: string; module: string; function: string; description: string | null;
    /** null: the module does not load, and `fault` says why. */
    parameters: Parameters | null; fault?: string;
    source: string; versions: RuleVersion[]; cost: RuleCost;
}

export interface RuleTrial {
    rule: string; parameters?: Values; from?: string; to?: string; usage_point?: string; canary?: number; rows?: number;
}

export interface RuleFailure { usage_point: string; channel: string; how: string; text: string }

export interface Backtest {
    rule: string; version: string; from: string | null; to: string | null; rows: DiffRow[];
    /** It ended after its time, through this usage point. */
    cut_short?: boolean; through?: string | null;
    values: number; changed: number; flags_changed: number; channels: number; touched_channels: number;
    /** Not told when units differ, or nothing changes. */
    difference?: number; unit?: string;
    /** Of all that it says, whether it differs there or not. */
    reasons: Record<string, number>;
    most_touched: { usage_point: string; channel: string; values: number; difference: number; unit: string }[];
    failed_windows: number; failures: RuleFailure[]; rule_seconds: number; seconds: number;
}

export interface DeployAnswer extends Pending { rule: string; version: string; replaced: string | null; same?: boolean }
export interface RollbackAnswer extends Pending { rule: string; taken_away: string; version: string | null }

/** Of an answer 202: it is kept, and counts as soon as it is derived. */
interface Pending { pending: boolean }
export interface EditAnswer extends Pending { usage_point: string; channel: string; at: string; old: ValueRow | null; new: ValueRow | null }
export interface ExceptionsAnswer extends Pending { done: number[]; values: number; refused?: { id: number; code: string; reason: string }[] }

export interface Problem {
    type?: string; title?: string; status?: number; code?: string; detail?: string; known?: string[]; field?: string;
}

export class ApiError extends Error {
    constructor(readonly status: number, readonly problem: Problem) {
        super(problem.detail || problem.title || `the plant answered ${status}`);
    }
    get code() { return this.problem.code ?? ''; }
}

// ---- the key --------------------------------------------------------------------------------------------------

const KEY = 'busbar.key';
let askForKey: (() => void) | null = null;

export const key = {
    get: () => sessionStorage.getItem(KEY) ?? '',
    set: (text: string) => text ? sessionStorage.setItem(KEY, text) : sessionStorage.removeItem(KEY),
};

/** Called when the plant says 401. */
export function onKeyNeeded(ask: () => void) { askForKey = ask; }

// ---- requests -------------------------------------------------------------------------------------------------

type Query = Record<string, string | number | null | undefined>;

/** The plant's address is the folder of this page, so that it works behind a prefix. */
export function address(path: string, query: Query = {}): string {
    const url = new URL(path.replace(/^\//, ''), document.baseURI);
    for (const [name, value] of Object.entries(query))
        if (value !== null && value !== undefined && value !== '') url.searchParams.set(name, String(value));
    return url.href;
}

async function request(path: string, query: Query, init: RequestInit, accept: string): Promise<Response> {
    const headers: Record<string, string> = { Accept: accept };
    if (key.get()) headers.Authorization = `Bearer ${key.get()}`;
    if (init.body) headers['Content-Type'] = 'application/json';
    Object.assign(headers, init.headers);
    let response: Response;
    try {
        response = await fetch(address(path, query), { ...init, headers, credentials: 'omit' });
    } catch (error) {
        if ((error as Error).name === 'AbortError') throw error;
        throw new ApiError(0, { title: 'The plant does not answer', detail: 'The plant does not answer. Is it running?' });
    }
    if (response.ok) return response;
    let problem: Problem = { title: `${response.status} ${response.statusText}`.trim() };
    try {
        problem = { ...problem, ...await response.json() };
    } catch { /* an answer of something between us and the plant: its status has to do */ }
    if (response.status === 401) askForKey?.();
    throw new ApiError(response.status, problem);
}

async function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
    return (await request(path, query, { signal }, 'application/json')).json();
}

async function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
    const response = await request(path, {}, { method: 'POST', body: JSON.stringify(body), signal }, 'application/json');
    return { ...await response.json(), pending: response.status === 202 };
}

const part = encodeURIComponent;
const version = (row: RuleRow): RuleVersion => ({ ...row, parameters: typeof row.parameters === 'string' ? JSON.parse(row.parameters) : row.parameters });

export const api = {
    me: (signal?: AbortSignal) => get<Me>('/v1/me', {}, signal),
    overview: (signal?: AbortSignal) => get<Overview>('/v1/overview', {}, signal),

    usagePoints: (query: { search?: string; limit?: number; cursor?: string }, signal?: AbortSignal) =>
        get<Page<UsagePoint>>('/v1/usage-points', query, signal),
    usagePoint: (name: string, as_of?: string, signal?: AbortSignal) =>
        get<MasterData>(`/v1/usage-points/${part(name)}`, { as_of }, signal),
    channels: (usage_point: string, signal?: AbortSignal) =>
        get<Page<Channel>>('/v1/channels', { usage_point, limit: 1000 }, signal),

    columns: (query: { usage_point: string; channel: string; lane: Lane; from: string; to: string; as_of?: string },
        signal?: AbortSignal) => get<ColumnsAnswer>('/v1/values', { ...query, shape: 'columns' }, signal),
    /** The command line's CSV, as a file to keep. */
    csv: async (query: Query) => (await request('/v1/values', query, {}, 'text/csv')).blob(),

    story: (query: { usage_point: string; channel: string; at: string; lane?: Lane; as_of?: string }, signal?: AbortSignal) =>
        get<Story>('/v1/explain', query, signal),

    completeness: (query: { usage_point?: string; from?: string; to?: string; limit?: number; cursor?: string }, signal?: AbortSignal) =>
        get<Page<CompletenessRow>>('/v1/completeness', query, signal),

    exceptions: (query: { usage_point?: string; channel?: string; check?: string; state?: string; limit?: number; cursor?: string },
        signal?: AbortSignal) => get<Page<Exception>>('/v1/exceptions', query, signal),
    decide: (action: 'accept' | 'estimate', ids: number[], reason: string) =>
        post<ExceptionsAnswer>('/v1/exceptions', { action, ids, reason }),

    edit: (edit: { usage_point: string; channel: string; at: string; value: string; unit?: string; reason: string }) =>
        post<EditAnswer>('/v1/edits', edit),
    withdraw: (edit: { usage_point: string; channel: string; at: string; reason: string }) =>
        post<EditAnswer>('/v1/edits', { ...edit, withdraw: true }),

    findings: (query: { usage_point?: string; check?: string; limit?: number; cursor?: string }, signal?: AbortSignal) =>
        get<Page<Finding>>('/v1/findings', query, signal),
    files: (query: { limit?: number; cursor?: string }, signal?: AbortSignal) => get<Page<FileRow>>('/v1/files', query, signal),
    deadLetters: (query: { limit?: number; cursor?: string }, signal?: AbortSignal) => get<DeadLetters>('/v1/dead-letters', query, signal),
    /** A map file as body, or none. */
    replay: async (file: string, query: Query, map: string): Promise<ReplayAnswer> =>
        (await request(`/v1/files/${part(file)}/replay`, query, { method: 'POST', body: map, headers: { 'Content-Type': 'application/yaml' } }, 'application/json')).json(),

    rules: async (query: { limit?: number; cursor?: string }, signal?: AbortSignal): Promise<RulePage> => {
        const page = await get<Page<RuleRow> & { costs: RulePage['costs'] }>('/v1/rules', query, signal);
        return { ...page, items: page.items.map(version) };
    },
    ruleHistory: (query: { limit?: number; cursor?: string }, signal?: AbortSignal) => get<Page<RuleChange>>('/v1/rules', { history: 1, ...query }, signal),
    rule: async (name: string, signal?: AbortSignal): Promise<Rule> => {
        const rule = await get<Omit<Rule, 'versions'> & { versions: RuleRow[] }>(`/v1/rules/${part(name)}`, {}, signal);
        return { ...rule, versions: rule.versions.map(version) };
    },
    /** Changes nothing. */
    backtest: (trial: RuleTrial, signal?: AbortSignal) => post<Backtest>('/v1/rules/backtest', trial, signal),
    deploy: (trial: RuleTrial & { reason: string }) => post<DeployAnswer>('/v1/rules', trial),
    rollback: (name: string, reason: string) => post<RollbackAnswer>(`/v1/rules/${part(name)}/rollback`, { reason }),

    log: (query: LogQuery, signal?: AbortSignal) => get<Page<LogLine>>('/v1/log', { ...query }, signal),
    /** null: this server has none. */
    metrics: async (signal?: AbortSignal): Promise<string | null> => {
        try {
            return await (await request('/metrics', {}, { signal }, 'text/plain')).text();
        } catch (error) {
            if (error instanceof ApiError && error.status === 404) return null;
            throw error;
        }
    },
    /** What a probe says: true, or why not. */
    probe: async (name: 'livez' | 'readyz', signal?: AbortSignal): Promise<true | string> => {
        try {
            await (await request(`/${name}`, {}, { signal }, '*/*')).text();
            return true;
        } catch (error) {
            if ((error as Error).name === 'AbortError') throw error;
            return (error as Error).message;
        }
    },
};

/** All pages of a list, or the first `most` of them and what lies behind. */
export async function everything<T>(page: (cursor?: string) => Promise<Page<T>>, most: number): Promise<Page<T>> {
    const items: T[] = [];
    let next: string | null = null;
    for (let i = 0; i < most; i++) {
        const answer: Page<T> = await page(next ?? undefined);
        for (const item of answer.items) items.push(item);
        next = answer.next;
        if (!next) break;
    }
    return { items, next };
}
