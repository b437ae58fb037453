#!/bin/sh
# The page that every replica serves: who answers, the greeting from its environment, the page from its mounted ConfigMap.
printf 'Content-Type: text/plain\r\n\r\n'
printf '%s, says %s.\n' "${GREETING:-Hello}" "$(hostname)"
[ -r /etc/web/page.txt ] && cat /etc/web/page.txt
exit 0
