// A form above everything else, for what wants a second look. Escape closes it, unless whoever shows it wants it open.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

export function Dialog({ open, title, onClose, onSubmit, children }: {
    open: boolean; title: string; onClose: () => void; onSubmit: () => void; children: ComponentChildren;
}) {
    const dialog = useRef<HTMLDialogElement>(null);
    const wanted = useRef(open);
    const byUs = useRef(false); // the event of a close() comes later, when it may be wanted open again
    wanted.current = open;

    const follow = () => {
        const element = dialog.current;
        if (element && wanted.current && !element.open) element.showModal();
        if (element && !wanted.current && element.open) {
            byUs.current = true;
            element.close();
        }
    };
    useEffect(follow, [open]);
    const closed = () => { // a browser lets Escape close it the second time, whatever is said to the first
        if (byUs.current) { byUs.current = false; return; }
        onClose();
        requestAnimationFrame(follow);
    };
    return (
        <dialog ref={dialog} class="dialog" aria-label={title} onClose={closed} onCancel={event => { event.preventDefault(); onClose(); }}>
            {open && <form onSubmit={event => { event.preventDefault(); onSubmit(); }}>
                <h2>{title}</h2>
                {children}
            </form>}
        </dialog>
    );
}
