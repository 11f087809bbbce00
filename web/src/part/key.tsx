// The plant wants to know who asks: a dialog for the key, above everything else.
import { useState } from 'preact/hooks';
import { key } from '../api';
import { Dialog } from './dialog';
import { askAgain } from './load';

export function KeyDialog({ open, onClose }: { open: boolean; onClose: (changed: boolean) => void }) {
    const [text, setText] = useState('');
    const refused = key.get() !== '';

    const use = (text: string) => {
        key.set(text);
        setText('');
        onClose(true);
        askAgain();
    };
    return (
        <Dialog open={open} title={refused ? 'This key is not accepted' : 'A key is needed'} onClose={() => onClose(false)} onSubmit={() => use(text.trim())}>
            <p>Keys begin with <code>bb_ro_</code> (reading) or <code>bb_adm_</code> (deciding, too). <code>busbar keys --help</code> says
                how one is made. A token of the issuer that people sign in with works as well. It is kept in this tab alone, until the tab is closed.</p>
            <label for="key-text">Key or token</label>
            <input id="key-text" type="password" autocomplete="off" spellcheck={false} required value={text}
                onInput={event => setText(event.currentTarget.value)} />
            <div class="buttons">
                {refused && <button type="button" onClick={() => use('')}>Forget the key</button>}
                <button type="button" onClick={() => onClose(false)}>Not now</button>
                <button class="primary" disabled={!text.trim()}>Use this key</button>
            </div>
        </Dialog>
    );
}
