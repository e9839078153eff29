/* Limits of the own build of pjproject; `make pjsip` copies this file to pjlib/include/pj/config_site.h. */

#define PJSUA_MAX_CALLS 512         /* legs; a recorded conversation takes two */
#define PJSUA_MAX_ACC 64            /* trunks with a registration of their own */
#define PJSUA_MAX_PLAYERS 1024      /* prompts and music, one per leg, and some to spare while one takes over */
#define PJSUA_MAX_RECORDERS 1024    /* one per leg, likewise */
#define PJSUA_MAX_CONF_PORTS 4096   /* legs + players + recorders, and room for conferences */
#define PJ_IOQUEUE_MAX_HANDLES 4096 /* RTP and RTCP of each leg, with epoll */
#define PJ_HAS_IPV6 1
#define PJMEDIA_HAS_VIDEO 0
