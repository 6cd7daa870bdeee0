/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_WORKER_H
#define WEIR_WORKER_H

/*
 * The worker of a mount: a process of its own, started by the monitor
 * (monitor.h), that serves the kernel's requests.  It is given all that it
 * uses by descriptor and has no privileges.  It ends when the mount is gone,
 * when the monitor says so, or with the monitor; what was read is told to keyd
 * before.  Returns the exit status: 0 when it was unmounted or told to stop.
 */
int worker_main(int control);

#endif
