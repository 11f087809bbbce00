// Who the reader is to the plant, for parts that offer what only some may do. The plant decides; this only spares
// people a button that would be refused.
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Me } from '../api';

export const MeContext = createContext<Me | null>(null);
export const useMe = () => useContext(MeContext);
export const mayChange = (me: Me | null) => me !== null && (me.role === 'admin' || me.role === 'local');
