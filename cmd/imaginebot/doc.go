// Command imaginebot brings 302.AI's picture models into Discord and Telegram.
//
//	imaginebot [run]     run the bot
//	imaginebot check     validate settings, credentials and the ledger; change nothing
//	imaginebot health    ask the running bot's /healthz (for containers)
//	imaginebot version
//
// run.go is the one place that knows every package: it builds them from the settings,
// starts them in the order in which they need each other and stops them in reverse.
//
// Exit codes: 0 fine; 1 something failed while running, or a check did; 2 the settings
// are wrong, a port is taken or the database is in use, and nothing was started.
//
// # Why
//
// kong reads the command line: subcommands with a default one, and help that is
// always right. Prometheus' client serves /metrics; all metrics are made here from the hooks
// of the other packages (metrics.go), so that none of them knows of it.
package main
