/* Copies of what an adapter holds, for backups: what `copy` of the ports log, store and registry owe.
 *
 *  - The copy is one state that was committed (a log: durable), whole, whatever is written meanwhile
 *    and by whom. It is opened by the same adapter like what it was made of, and shows the same.
 *  - Nobody who writes waits for a copy. What grows while one is made (a page that the copied state
 *    still needs, an outbox that is held) is given back afterwards.
 *  - Its name is new: the caller made sure that nothing stands there. Bytes and names are durable when
 *    the copy is done. After a failure, what was made so far is the caller's to remove.
 *  - What is no files (a twin in memory, a server with tools of its own) says BB_COPY_ELSEWHERE and
 *    makes nothing.
 */
#ifndef BB_PORT_COPY_H
#define BB_PORT_COPY_H

enum bb_copy_outcome { BB_COPY_DONE = 0, BB_COPY_ELSEWHERE = 1 };

#endif
