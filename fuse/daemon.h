/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_DAEMON_H
#define WEIR_DAEMON_H

/*
 * Let go of the terminal: a session of its own, / as directory, stdio on
 * /dev/null, log lines to the journal from here on.
 */
void daemon_detach(void);

#endif
