// What is known of a usage point: its devices with their factors, its channels.
import type { MasterData } from '../api';
import { number } from '../pure/format';
import { localMinute } from '../pure/time';

const readings = (told: Record<string, number> | undefined) =>
    told ? Object.entries(told).map(([channel, value]) => `${channel}: ${number(value)}`).join(', ') : '–';

export function MasterCard({ data }: { data: MasterData }) {
    const zone = data.zone || 'UTC';
    const time = (text: string | undefined) => text ? localMinute(Date.parse(text), zone) : '–';
    const facts: [string, string | undefined][] = [
        ['Connection', data.connection], ['Customer', data.customer], ['Tariff', data.tariff], ['Grid area', data.grid_area], ['Calendar', data.calendar], ['Zone', data.zone],
    ];
    return (
        <section class="card">
            <h2>Master data</h2>
            <dl class="facts">{facts.map(([name, value]) => value ? <><dt>{name}</dt><dd>{value}</dd></> : null)}</dl>
            {data.installations && data.installations.length > 0 && (
                <div class="scroll" tabIndex={0} role="region" aria-label="Installations">
                    <table>
                        <caption>Installations</caption>
                        <thead><tr><th scope="col">Device</th><th scope="col">From</th><th scope="col">To</th><th scope="col" class="numeric">Multiplier</th><th scope="col" class="numeric">Dials</th><th scope="col">Opening</th><th scope="col">Closing</th></tr></thead>
                        <tbody>{data.installations.map(item => (
                            <tr key={item.device + item.from}>
                                <th scope="row"><code>{item.device}</code></th><td>{time(item.from)}</td><td>{time(item.to)}</td>
                                <td class="numeric">{number(item.multiplier ?? 1)}</td><td class="numeric">{item.dials ?? '–'}</td><td>{readings(item.opening)}</td><td>{readings(item.closing)}</td>
                            </tr>
                        ))}</tbody>
                    </table>
                </div>
            )}
            {data.channels && data.channels.length > 0 && (
                <div class="scroll" tabIndex={0} role="region" aria-label="Channels">
                    <table>
                        <caption>Channels</caption>
                        <thead><tr><th scope="col">Name</th><th scope="col">OBIS</th><th scope="col">Kind</th><th scope="col">Interval</th><th scope="col">Unit</th><th scope="col">Direction</th></tr></thead>
                        <tbody>{data.channels.map(item => (
                            <tr key={item.name}><th scope="row"><code>{item.name}</code></th><td>{item.obis ?? '–'}</td><td>{item.kind ?? '–'}</td><td>{item.interval ?? '–'}</td><td>{item.unit ?? '–'}</td>
                                <td>{item.one_way === undefined ? '–' : item.one_way ? 'one way' : 'both ways'}</td></tr>
                        ))}</tbody>
                    </table>
                </div>
            )}
        </section>
    );
}
