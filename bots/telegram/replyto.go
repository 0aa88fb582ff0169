package telegram

import (
	"encoding/json"
	"errors"
	"fmt"

	"imaginebot/core"
)

// address is where an answer goes: a chat, in it a forum's topic, in it a message that is
// replied to; the latter two are 0 if there is none.
type address struct {
	Version int   `json:"v"`
	Chat    int64 `json:"chat"`
	Topic   int   `json:"topic,omitempty"`
	Message int   `json:"message,omitempty"`
}

// addressVersion is the version that is written. Addresses outlive the program that wrote them.
const addressVersion = 1

var errAddress = errors.New("not an address on telegram")

// replyTo is the address as the core keeps it.
func (a address) replyTo() core.ReplyTo {
	a.Version = addressVersion
	raw, err := json.Marshal(a)
	if err != nil { // numbers can always be written
		return core.ReplyTo{Platform: platform}
	}
	return core.ReplyTo{Platform: platform, Address: string(raw)}
}

// parseReplyTo reads what replyTo wrote.
func parseReplyTo(to core.ReplyTo) (address, error) {
	var a address
	if to.Platform != platform {
		return address{}, errAddress
	}
	if err := json.Unmarshal([]byte(to.Address), &a); err != nil {
		return address{}, fmt.Errorf("%w: %w", errAddress, err)
	}
	if a.Version != addressVersion || a.Chat == 0 || a.Topic < 0 || a.Message < 0 {
		return address{}, errAddress
	}
	return a, nil
}

// place is the address for a message.
func (a address) place() place { return place{Chat: a.Chat, Topic: a.Topic, ReplyTo: a.Message} }
