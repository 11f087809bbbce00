// Fields for a rule's parameters, made of what the rule says of them.
import type { JSX } from 'preact';
import { allowed, stepped, stepOf, textOf, type Described, type Parameters, type Texts } from '../pure/rules';

interface FieldProps { id: string; about: Described; text: string; wrong: string | undefined; set: (text: string) => void }

export function ParameterFields({ described, texts, wrong, set }: {
    described: Parameters; texts: Texts; wrong: Record<string, string>; set: (name: string, text: string) => void;
}) {
    return (
        <div class="fields">
            {Object.entries(described).map(([name, about]) => (
                <Field key={name} id={`parameter-${name}`} name={name} about={about} text={texts[name]} wrong={wrong[name]} set={text => set(name, text)} />
            ))}
        </div>
    );
}

function Field({ name, ...field }: FieldProps & { name: string }) {
    const { id, about, text, wrong, set } = field;
    const Control = CONTROLS[about.kind] ?? TextControl;
    const fresh = textOf(about.default);
    const shown = fresh === '' ? 'empty' : about.kind === 'flag' ? about.default ? 'yes' : 'no' : fresh;
    const takes = allowed(about);
    return (
        <div class="field">
            <label for={id}><code>{name}</code></label>
            <Control {...field} />
            {wrong && <p class="wrong" id={`${id}-wrong`} role="alert">{wrong}</p>}
            <p class="muted" id={`${id}-help`}>
                {about.help && <>{about.help}<br /></>}
                {takes && <>{takes}; </>}default {text === fresh ? shown : <button type="button" class="link" aria-label={`Set ${name} to its default, ${shown}`} onClick={() => set(fresh)}>{shown}</button>}
            </p>
        </div>
    );
}

const described = ({ id, wrong }: FieldProps) => ({
    id, 'aria-describedby': wrong ? `${id}-wrong ${id}-help` : `${id}-help`, 'aria-invalid': wrong !== undefined,
});

/** Arrow keys and the two buttons go by steps; Shift makes ten of them. */
function NumberControl(field: FieldProps) {
    const { id, about, text, set } = field;
    const step = (steps: number) => set(stepped(about, text, steps));
    const keys = (event: KeyboardEvent) => {
        const steps = { ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[event.key];
        if (!steps || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        step(steps * (event.shiftKey ? 10 : 1));
    };
    return (
        <div class="stepper">
            <button type="button" tabIndex={-1} aria-label={`Less by ${stepOf(about)}`} aria-controls={id} onClick={() => step(-1)}>−</button>
            <input {...described(field)} role="spinbutton" inputMode="decimal" autocomplete="off" value={text} onKeyDown={keys}
                aria-valuenow={Number(text.replace(',', '.')) || 0} aria-valuetext={text} aria-valuemin={about.min ?? undefined} aria-valuemax={about.max ?? undefined}
                onInput={event => set(event.currentTarget.value)} />
            <button type="button" tabIndex={-1} aria-label={`More by ${stepOf(about)}`} aria-controls={id} onClick={() => step(1)}>+</button>
        </div>
    );
}

function FlagControl(field: FieldProps) {
    return (
        <span class="flag"><input {...described(field)} type="checkbox" checked={field.text === 'true'} onChange={event => field.set(String(event.currentTarget.checked))} />
            {' '}<span aria-hidden="true">{field.text === 'true' ? 'yes' : 'no'}</span></span>
    );
}

function ChoiceControl(field: FieldProps) {
    const choices = field.about.choices ?? [];
    return (
        <select {...described(field)} value={field.text} onChange={event => field.set(event.currentTarget.value)}>
            {!choices.includes(field.text) && <option value={field.text}>{field.text}</option>}
            {choices.map(choice => <option key={choice} value={choice}>{choice}</option>)}
        </select>
    );
}

function TextControl(field: FieldProps) {
    return <input {...described(field)} autocomplete="off" spellcheck={false} value={field.text} onInput={event => field.set(event.currentTarget.value)} />;
}

const CONTROLS: Record<string, (field: FieldProps) => JSX.Element> = {
    number: NumberControl, flag: FlagControl, choice: ChoiceControl, text: TextControl,
};
