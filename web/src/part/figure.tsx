// A chart with its title, its sentence and its table. Whoever cannot see the drawing has the other two.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { number, plural } from '../pure/format';

export interface TableView {
    columns: string[];
    numeric?: number[]; // columns that stand to the right
    count: number;
    row: (index: number) => ComponentChildren[];
}

const ROWS = 500;

export function Figure(props: {
    title: string; summary: string; table: TableView; legend?: ComponentChildren; actions?: ComponentChildren;
    children: ComponentChildren;
}) {
    const [asTable, setAsTable] = useState(false);
    return (
        <figure class="figure">
            <div class="figure-head">
                <h2>{props.title}</h2>
                <div class="actions">
                    {props.actions}
                    <div class="segmented" role="group" aria-label={`${props.title}: view`}>
                        <button aria-pressed={!asTable} onClick={() => setAsTable(false)}>Chart</button>
                        <button aria-pressed={asTable} onClick={() => setAsTable(true)}>Table</button>
                    </div>
                </div>
            </div>
            <figcaption>{props.summary}</figcaption>
            {asTable ? <DataTable label={props.title} {...props.table} /> : <>{props.children}{props.legend}</>}
        </figure>
    );
}

export function DataTable({ label, columns, numeric = [], count, row }: TableView & { label: string }) {
    const [shown, setShown] = useState(ROWS);
    const last = Math.min(shown, count);
    const side = (column: number) => numeric.includes(column) ? 'numeric' : undefined;
    return (
        <>
            <div class="scroll" tabIndex={0} role="region" aria-label={`${label}, table`}>
                <table>
                    <thead><tr>{columns.map((name, i) => <th key={name} scope="col" class={side(i)}>{name}</th>)}</tr></thead>
                    <tbody>
                        {Array.from({ length: last }, (_, i) => (
                            <tr key={i}>{row(i).map((cell, j) => <td key={j} class={side(j)}>{cell}</td>)}</tr>
                        ))}
                    </tbody>
                </table>
            </div>
            {last < count && (
                <p class="more">
                    The first {number(last)} of {plural(count, 'row')}. <button onClick={() => setShown(shown + ROWS * 4)}>Show more</button>
                </p>
            )}
        </>
    );
}

export function Legend({ items }: { items: [swatch: string, text: string][] }) {
    return (
        <ul class="legend">
            {items.map(([swatch, text]) => <li key={text}><i class={`swatch ${swatch}`} aria-hidden="true" />{text}</li>)}
        </ul>
    );
}
