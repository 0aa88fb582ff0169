// Package fetch is the only door through which pictures come from the network.
//
// A [Door] opens an address with a plain GET and gives back a stream that ends with an
// error as soon as the sender goes over a limit, stalls, or takes too long. It sends no
// cookie, key, referrer or login, follows five redirects at most, and asks of each of
// them what it asks of the first address: https, no login in it, and a public address.
// Plain http and addresses that are not public are for FETCH_ALLOW alone. What the bytes
// are is for core/pictures to find out: names, headers and declared sizes are believed
// only when they speak against the sender.
//
// Errors name the host and nothing else of the address: a path or query may be a secret.
// Their kinds say what can be done. Invalid: it is of no use to ask this address again,
// or it must not be asked at all (a private address, a wrong scheme, 404). TooBig: as it
// says. Busy: the network, the server (5xx, 429) or one of our time limits; later it may
// work. All but TooBig have [core.ReasonPictureURL]. When ctx ends, its own error comes back.
//
// The one thing that surprises: a [Door.Room] reaches one more origin than its door. A
// platform or provider may be configured to be on this very machine, and then its
// pictures are there too; but an address that a person gave must not get there. So each
// adapter passes what its platform told it through its room, and everything else
// through the door.
//
// # Why
//
// The address is checked when the connection is made, on the IP address that is being
// connected to. Asking DNS first and connecting after would let a name answer twice
// differently.
//
// Behind FETCH_PROXY the proxy resolves the name, so it is the proxy that keeps us from
// private networks. What can be told from the address itself is refused here even then.
//
// Connections are not kept: pictures come from many hosts, one at a time, and a Door
// without connections needs no closing.
package fetch
