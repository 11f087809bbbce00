// The shell: where one can go, who one is, and the page of the address.
import { render } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import 'uplot/dist/uPlot.min.css';
import './style.css';
import { api, key, onKeyNeeded, type Overview } from './api';
import { go, parseRoute, useRoute, type Route } from './route';
import { number } from './pure/format';
import { KeyDialog } from './part/key';
import { useLoad, type Loaded } from './part/load';
import { MeContext } from './part/me';
import { Empty } from './part/state';
import { applyTheme, setTheme, theme, type Theme } from './part/theme';
import { OverviewPage } from './page/overview';
import { MetersPage } from './page/meters';
import { MeterPage } from './page/meter';
import { QualityPage } from './page/quality';
import { ExceptionsPage } from './page/exceptions';
import { RulesPage } from './page/rules';
import { RulePage } from './page/rule';
import { FilesPage } from './page/files';
import { DeadLettersPage } from './page/dead-letters';
import { SystemPage } from './page/system';

const PAGES: [path: string, name: string][] = [
    ['', 'Overview'], ['meters', 'Meters'], ['quality', 'Data quality'], ['exceptions', 'Exceptions'],
    ['rules', 'Rules'], ['files', 'Files'], ['dead-letters', 'Dead letters'], ['system', 'System'],
];

function Content({ route, overview }: { route: Route; overview: Loaded<Overview> }) {
    const [page, name] = route.path;
    switch (page) {
        case undefined: return <OverviewPage overview={overview} />;
        case 'meters': return name ? <MeterPage key={name} name={name} query={route.query} /> : <MetersPage query={route.query} />;
        case 'quality': return <QualityPage query={route.query} />;
        case 'exceptions': return <ExceptionsPage query={route.query} />;
        case 'rules': return name ? <RulePage key={name} name={name} query={route.query} /> : <RulesPage query={route.query} />;
        case 'files': return <FilesPage />;
        case 'dead-letters': return <DeadLettersPage />;
        case 'system': return <SystemPage query={route.query} overview={overview} />;
        default: return <Empty title="There is no such page">The address may be of another version. <a href="#/">Overview</a> is a good start.</Empty>;
    }
}

const NEXT: Record<Theme, Theme> = { auto: 'light', light: 'dark', dark: 'auto' };
const THEME_WORDS: Record<Theme, string> = { auto: 'as the system', light: 'light', dark: 'dark' };

function App() {
    const route = useRoute();
    const [asking, setAsking] = useState(false);
    const dismissed = useRef<string | null>(null); // who said "not now" is not asked again about the same key
    const [shown, setShown] = useState(theme());
    const me = useLoad('me', api.me);
    const here = route.path[0] ?? '';
    const overview = useLoad('overview', api.overview, here === '' || here === 'system' ? 5_000 : 60_000);
    const name = PAGES.find(([path]) => path === here)?.[1] ?? 'busbar';

    useEffect(() => {
        const slash = (event: KeyboardEvent) => { // from anywhere to the search
            if (event.key === '/' && !(event.target as Element).matches('input, select') && parseRoute(location.hash).path.join() !== 'meters') {
                event.preventDefault();
                go('#/meters');
            }
        };
        window.addEventListener('keydown', slash);
        return () => window.removeEventListener('keydown', slash);
    }, []);
    useEffect(() => onKeyNeeded(() => { if (dismissed.current !== key.get()) setAsking(true); }), []);
    useEffect(() => { document.title = `${route.path[1] ?? name} · busbar`; }, [name, route.path[1]]);
    useEffect(() => {
        window.scrollTo(0, 0);
        document.querySelector('.shell nav [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' }); // narrow, the pages are a strip
    }, [here, route.path[1]]);

    return (
        <MeContext.Provider value={me.data}>
            <a class="skip" href={location.hash || '#/'} onClick={event => { event.preventDefault(); document.getElementById('main')!.focus(); }}>To the content</a>
            <header class="shell">
                <a class="brand" href="#/"><svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true"><path d="M4 10h24M4 22h24M10 10v12M22 10v12" fill="none" stroke="currentColor" stroke-width="2.8" /></svg>busbar</a>
                <nav aria-label="Pages">
                    {PAGES.map(([path, name]) => (
                        <a key={path} href={`#/${path}`} aria-current={path === here ? 'page' : undefined}>
                            {name}{path === 'exceptions' && overview.data ? <span class="count">{number(overview.data.exceptions_open)}</span> : null}
                        </a>
                    ))}
                </nav>
                <div class="who">
                    {me.data && <span class="tenant"><span class="muted">Tenant</span> {me.data.tenant}<br /><span class="muted">{me.data.name || me.data.role}</span></span>}
                    <button class="plain" onClick={() => { setTheme(NEXT[shown]); setShown(NEXT[shown]); }}>
                        <span class="hidden">Change the </span>Theme: {THEME_WORDS[shown]}
                    </button>
                    {(key.get() || me.error) && <button class="plain" onClick={() => setAsking(true)}>Key</button>}
                </div>
            </header>
            <main id="main" tabIndex={-1}><Content route={route} overview={overview} /></main>
            <KeyDialog open={asking} onClose={changed => { dismissed.current = changed ? null : key.get(); setAsking(false); }} />
        </MeContext.Provider>
    );
}

applyTheme();
if (!location.hash) history.replaceState(null, '', '#/');
render(<App />, document.getElementById('app')!);
