/* Launches: how a kernel leaves, and how the host starts the next one. Edge S of include/slipring/ring.hpp; wake and
 * step of lib/runtime/lifecycle.cpp; successors.
 *
 * Two threads publish and wait. The device runs launches in the order of their queue. A slot is one bit here:
 * ring.pml has the rest. Each statement is one access to shared memory that another process may change, and takes
 * effect at once: all are sequentially consistent. A weaker order of two accesses is written as the other order.
 *
 * -DBREAK_X breaks edge X. -DDEATH: a launch may die while it drains. -DSHUTDOWN: nobody waits; the runtime is shut
 * down. -DPATIENT, with it: a launch idles until it is told to leave. -DWINDOW: the device drains copies of the
 * slots, which are on their way for a while. run.py has the list.
 */
#ifndef TOTAL
#define TOTAL 3                            /* positions that the threads publish together */
#endif
#ifndef MAX_WISHES
#define MAX_WISHES 1                       /* successors that launches ask for */
#endif
#ifndef MAX_TOLD
#define MAX_TOLD 1                         /* launches whose time is up */
#endif

/* Launch numbers wrap. Four are enough: one launch runs, and one waits. */
#define NEXT(n) (((n) + 1) % 4)
#define BEFORE(n) (((n) + 3) % 4)
/* What LEFT says: launch n has left; or launch n wants its successor queued. */
#define HAS_LEFT(n) (2 * (n))
#define WANTED(n) (2 * (n) + 1)
#define NONE 255

/* Words that host and device share. Launch 0 has left before all others. */
byte reserved, completed, stop = NONE;
bool is_published[TOTAL + 1];              /* the last one never is */
byte left = HAS_LEFT(0);
#ifdef WINDOW
bool is_copied[TOTAL + 1];
#define IS_SEEN(p) is_copied[p]
#else
#define IS_SEEN(p) is_published[p]
#endif
/* The host's. */
byte launch;                               /* the newest one */
bool wanted, busy, lost;
/* OpenCL's queue. */
byte queued, running;
/* Device memory. */
byte newest_begun;
bool left_idle;
/* No memory, only for the properties. */
byte ran, wishes, told, returned;
bool was_told;                             /* the last launch that has left did so without a second look */
bool is_silent;                            /* a launch has idled until its timeout, and nothing has run since */
bool is_dead;

#define QUEUE_IS_EMPTY (queued + running == 0)

/* ---- the host ------------------------------------------------------------------------------------------------- */

inline submit() {
#ifdef BREAK_NUMBER                        /* the number is stored behind the submit */
    queued++;
    launch = NEXT(launch)
#else
    launch = NEXT(launch);
    atomic { queued++; assert(queued + running <= 2) } /* one that runs, and its successor */
#endif
}

/* Runtime::Impl::step */
inline step() {
#ifdef BREAK_FINISHED                      /* looked at behind LEFT, which a kernel writes before it ends */
    seen = left;
    is_finished = QUEUE_IS_EMPTY;
#else
    is_finished = QUEUE_IS_EMPTY;
    seen = left;
#endif
    if
    :: lost
    :: !lost && seen == HAS_LEFT(launch) ->
       if
       :: is_published[completed] -> submit()
       :: else                             /* a thread that publishes after this look sees LEFT, and comes here */
       fi
    :: !lost && seen == WANTED(launch) -> submit()
    :: else ->
       if
       :: is_finished -> atomic { lost = true; assert(is_dead) }
       :: else
       fi
    fi
}

#ifdef BREAK_BUSY                          /* a load and a store, instead of an exchange */
#define ENTER !busy -> busy = true
#else
#define ENTER atomic { !busy -> busy = true }
#endif

/* Runtime::Impl::wake */
inline wake() {
    wanted = true;
#ifdef BREAK_WAKE                          /* `wanted` is looked at before `busy` is cleared */
    if
    :: ENTER;
       do
       :: wanted -> wanted = false; step()
       :: else -> break
       od;
       busy = false
    :: busy
    fi
#else
    do
    :: wanted ->
       if
       :: ENTER;
          wanted = false;
          step();
          busy = false
       :: busy -> break
       fi
    :: else -> break
    od
#endif
}

inline publish() { is_published[position] = true } /* S1 */
inline look() { number = launch; seen = left }     /* S2 */

/* A waiter always looks. Here it does so only where it must, or it would hide a lost wake. */
#define MUST_LOOK (was_told && left == HAS_LEFT(launch) && is_published[completed] || left == WANTED(launch) || \
                   is_dead && QUEUE_IS_EMPTY && left != HAS_LEFT(launch))

active [2] proctype thread() {
    byte position, number, seen;
    bool is_finished;
    do
    :: if
       :: atomic { reserved < TOTAL -> position = reserved; reserved++ };
#ifdef BREAK_S_NUMBER                      /* the newest launch is looked up before the store */
          number = launch;
          publish();
          seen = left
#else
          if
          :: publish(); look()
#ifdef BREAK_S_PRODUCER                    /* release and acquire: the loads may pass the store */
          :: look(); publish()
#endif
          fi
#endif
#ifdef SHUTDOWN
       :: reserved == TOTAL -> break
#else
       :: reserved == TOTAL && (completed == TOTAL || lost) -> break
       :: reserved == TOTAL && MUST_LOOK -> look()
#endif
       fi;
       if
       :: seen == HAS_LEFT(number) || seen == WANTED(number) -> wake()
       :: else
       fi
    od;
    returned++
}

#ifdef WINDOW
/* Each copy arrives some time after its slot was published, whatever the thread does meanwhile. */
active proctype bus() {
    byte p;
end:
    do
    :: p < TOTAL -> atomic { is_published[p]; is_copied[p] = true }; p++
    :: p == TOTAL -> break
    od
}
#endif

#ifdef SHUTDOWN
/* Tells the newest launch to leave, and those before it, and waits until all have. */
inline stop_all() {
    stop = launch;
    QUEUE_IS_EMPTY
}

/* Runtime::~Impl, which begins when the threads are out of the runtime. */
active proctype owner() {
    byte seen;
    bool is_finished;
    returned == 2;
    busy = true;
    stop_all();
    busy = false;
    wake();
    stop_all()                             /* a launch that the wake has started */
}
#endif

/* ---- the device ----------------------------------------------------------------------------------------------- */

#ifdef BREAK_QUEUE                         /* the queue is not in order */
#define WIDTH 2
#else
#define WIDTH 1
#endif
#ifdef BREAK_SUCCESSOR_ORDER               /* a launch begins though its predecessor has not left */
#define MAY_BEGIN true
#else
#define MAY_BEGIN (left == HAS_LEFT(BEFORE(n)))
#endif
#ifdef BREAK_STOP                          /* only the launch that STOP names leaves */
#define IS_ASKED (stop == n)
#else
#define IS_ASKED (stop == n || stop == NEXT(n))
#endif
#ifdef BREAK_RELEASE                       /* COMPLETED does not say what this launch has run */
#define RELEASE skip
#else
#define RELEASE completed = head
#endif

/* Where accesses are one step, no other process writes what they read, or reads what they write. */
active [WIDTH] proctype device() {
    byte n, head;
    bool seen;
end:
    do
    :: atomic {
           queued > 0 -> queued--; running++;
           newest_begun = NEXT(newest_begun);
           n = newest_begun
       };
       atomic {
           if
           :: MAY_BEGIN -> head = completed; was_told = false
           :: else -> goto gone            /* it runs nothing */
           fi;
#ifndef BREAK_SUCCESSOR_IDLE               /* the successor of an idle launch idles once more */
           if
           :: left_idle -> goto leave_at_once
           :: else
           fi
#endif
       };
drain: do
       :: atomic {
              IS_SEEN(head) ->             /* R2 */
              assert(running == 1 && !is_dead);
              assert(head == ran);         /* each position once, in order */
              ran++; head++; is_silent = false
          }
       :: atomic { completed != head -> completed = head } /* at times */
       :: atomic {
              wishes < MAX_WISHES && left != WANTED(n) -> wishes++;
              left = WANTED(n)             /* it has been busy for long */
          }
       :: IS_ASKED -> goto leave_told
#ifndef PATIENT
       :: atomic { told < MAX_TOLD -> told++; goto leave_told } /* its time is up */
       :: atomic {
              !IS_SEEN(head) ->            /* it has idled for long */
              assert(!is_silent);          /* a silence is idled through once */
              is_silent = true;
              RELEASE;
              goto leave
          }
#endif
#ifdef DEATH
       :: atomic { !is_dead -> is_dead = true; goto gone }
#endif
       od;
leave_at_once:
#ifdef BREAK_SUCCESSOR_LOOK                /* the successor of an idle launch leaves without a look */
       left = HAS_LEFT(n);
       goto gone;
#endif
leave:                                     /* sr_leave */
#ifdef BREAK_S_WINDOW                      /* the second look is at the copy */
#define SECOND_LOOK IS_SEEN(head)
#else
#define SECOND_LOOK is_published[head]
#endif
#ifdef BREAK_S_DEVICE                      /* release and acquire: the load may pass the store */
       seen = SECOND_LOOK;
       left = HAS_LEFT(n);
#else
       left = HAS_LEFT(n);                 /* S3 */
       seen = SECOND_LOOK;                 /* S4 */
#endif
#ifdef BREAK_S_LOOK                        /* it leaves without a second look */
       seen = false;
#endif
       if
       :: seen ->
#ifdef WINDOW
          is_silent = false;               /* it waits for a copy */
#endif
#ifndef BREAK_TAKE_BACK                    /* it stays, and says that it has left */
          left = HAS_LEFT(BEFORE(n));
#endif
          goto drain
       :: else -> left_idle = true; goto gone
       fi;
leave_told:
       RELEASE;
       atomic { left_idle = false; left = HAS_LEFT(n); was_told = true };
gone:
       running--
    od
}
