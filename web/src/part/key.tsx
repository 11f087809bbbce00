// The plant wants to know who asks: a dialog for the key, above everything else.
import { useEffect, useRef, useState } from 'preact/hooks';
import { key } from '../api';
import { askAgain } from './load';

export function KeyDialog({ open, onClose }: { open: boolean; onClose: (changed: boolean) => void }) {
    const dialog = useRef<HTMLDialogElement>(null);
    const [text, setText] = useState('');
    const refused = key.get() !== '';

    useEffect(() => {
        const element = dialog.current!;
        if (open && !element.open) element.showModal();
        if (!open && element.open) element.close();
    }, [open]);

    const use = (event: Event) => {
        event.preventDefault();
        key.set(text.trim());
        setText('');
        onClose(true);
        askAgain();
    };
    return (
        <dialog ref={dialog} class="dialog" aria-labelledby="key-title" onCancel={event => { event.preventDefault(); onClose(false); }}>
            <form onSubmit={use}>
                <h2 id="key-title">{refused ? 'This key is not accepted' : 'A key is needed'}</h2>
                <p>Keys begin with <code>bb_ro_</code> (reading) or <code>bb_adm_</code> (deciding, too). <code>busbar keys --help</code> says
                    how one is made. A token of the issuer that people sign in with works as well. It is kept in this tab alone, until the tab is closed.</p>
                <label for="key-text">Key or token</label>
                <input id="key-text" type="password" autocomplete="off" spellcheck={false} required value={text}
                    onInput={event => setText(event.currentTarget.value)} />
                <div class="buttons">
                    {refused && <button type="button" onClick={() => { key.set(''); onClose(true); askAgain(); }}>Forget the key</button>}
                    <button type="button" onClick={() => onClose(false)}>Not now</button>
                    <button class="primary" disabled={!text.trim()}>Use this key</button>
                </div>
            </form>
        </dialog>
    );
}
