// A quality in words: the state, what was marked, and which checks spoke.
import { words } from '../pure/format';
import { parseQuality, shadeOf, SHADES } from '../pure/quality';

export function QualityBadge({ text }: { text: string }) {
    const quality = parseQuality(text);
    const more = [
        ...quality.marks.filter(mark => mark !== quality.state),
        ...quality.method ? [words(quality.method)] : [],
        ...quality.checks.map(check => `check ${words(check)}`),
        ...quality.source ? [`source code ${quality.source}`] : [],
        ...quality.other,
    ];
    return (
        <span class="quality">
            <span class="badge"><i class={`swatch ${SHADES[shadeOf(text)]}`} aria-hidden="true" />{quality.state || 'unknown'}</span>
            {more.length > 0 && <span class="muted">{more.join(', ')}</span>}
        </span>
    );
}
