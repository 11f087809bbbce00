// A form above everything else, for what wants a second look. Escape closes it.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

export function Dialog({ open, title, onClose, onSubmit, children }: {
    open: boolean; title: string; onClose: () => void; onSubmit: () => void; children: ComponentChildren;
}) {
    const dialog = useRef<HTMLDialogElement>(null);

    useEffect(() => {
        const element = dialog.current!;
        if (open && !element.open) element.showModal();
        if (!open && element.open) element.close();
    }, [open]);

    return (
        <dialog ref={dialog} class="dialog" aria-label={title} onCancel={event => { event.preventDefault(); onClose(); }}>
            {open && <form onSubmit={event => { event.preventDefault(); onSubmit(); }}>
                <h2>{title}</h2>
                {children}
            </form>}
        </dialog>
    );
}
