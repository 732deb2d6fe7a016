# /etc/cron.d/tenantpilot, owned by root, mode 0644: the machine's cron dispatches as the account that
# owns the database. cron reads no file there whose name has a dot, so leave none in it.

# Who gets the mail. tenantpilot is silent when all is well, so every mail means something.
MAILTO=backup@example.com

# cron sets HOME to that of the account, and with it the database. Were another one meant, it would be
# named here by its whole path, as it has to be for every command that the account types.
#TENANTPILOT_DB=/srv/tenantpilot/tenantpilot.db

# The one line that is needed; the user stands between the times and the command.
* * * * * tenantpilot /usr/local/bin/tenantpilot dispatch

# Each morning: try again what failed, was partial or was canceled in the night.
#30 6 * * * tenantpilot /usr/local/bin/tenantpilot -q retry --failed --since 8h

# Each Sunday: prove every backup set and the audit trail intact.
#17 7 * * 0 tenantpilot /usr/local/bin/tenantpilot -q backups verify
#47 7 * * 0 tenantpilot /usr/local/bin/tenantpilot -q audit verify

# Each night: an off-site copy. See off-site.sh beside this file.
#41 3 * * * tenantpilot /usr/local/bin/tenantpilot-off-site
