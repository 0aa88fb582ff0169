package telegramtest

import (
	"context"
	"regexp"
	"strconv"
)

// BotCommand is one line of the bot's menu. https://core.telegram.org/bots/api#botcommand
type BotCommand struct {
	Command     string `json:"command"`
	Description string `json:"description"`
}

// CommandScope says for whom a menu is. https://core.telegram.org/bots/api#botcommandscope
type CommandScope struct {
	Type string `json:"type"`
	Chat int64  `json:"chat_id,omitempty"`
	User int64  `json:"user_id,omitempty"`
}

type commandKey struct {
	scope    CommandScope
	language string
}

var (
	commandName = regexp.MustCompile(`^[a-z0-9_]{1,32}$`)
	twoLetters  = regexp.MustCompile(`^([a-z]{2})?$`)
)

func (c *call) commandKey() (commandKey, error) {
	key := commandKey{scope: CommandScope{Type: "default"}, language: c.text("language_code")}
	if err := c.object("scope", &key.scope); err != nil {
		return key, err
	}
	if !twoLetters.MatchString(key.language) {
		return key, bad("invalid language code specified")
	}
	switch key.scope.Type {
	case "default", "all_private_chats", "all_group_chats", "all_chat_administrators",
		"chat", "chat_administrators", "chat_member":
		return key, nil
	default:
		return key, bad("can't parse BotCommandScope: unsupported type specified")
	}
}

// setMyCommands is https://core.telegram.org/bots/api#setmycommands.
func setMyCommands(_ context.Context, s *Server, c *call) (any, error) {
	key, err := c.commandKey()
	if err != nil {
		return nil, err
	}
	var commands []BotCommand
	if err := c.object("commands", &commands); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(commands) > 100 {
		return nil, s.overLimit(c, "BOT_COMMANDS_TOO_MUCH")
	}
	for _, command := range commands {
		if !commandName.MatchString(command.Command) {
			return nil, s.overLimit(c, "BOT_COMMAND_INVALID")
		}
		if n := utf16Len(command.Description); n < 1 || n > 256 {
			return nil, s.overLimit(c, "BOT_COMMAND_DESCRIPTION_INVALID")
		}
	}
	s.commands[key] = commands
	s.change()
	return true, nil
}

// getMyCommands is https://core.telegram.org/bots/api#getmycommands.
func getMyCommands(_ context.Context, s *Server, c *call) (any, error) {
	key, err := c.commandKey()
	if err != nil {
		return nil, err
	}
	return s.Commands(key.scope, key.language), nil
}

// deleteMyCommands is https://core.telegram.org/bots/api#deletemycommands.
func deleteMyCommands(_ context.Context, s *Server, c *call) (any, error) {
	key, err := c.commandKey()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.commands, key)
	s.change()
	return true, nil
}

// getMe is https://core.telegram.org/bots/api#getme.
func getMe(_ context.Context, s *Server, _ *call) (any, error) {
	w := s.bot.wire()
	w["can_join_groups"] = true
	w["can_read_all_group_messages"] = s.settings.PrivacyOff
	w["supports_inline_queries"] = false
	return w, nil
}

// getFile is https://core.telegram.org/bots/api#getfile.
func getFile(_ context.Context, s *Server, c *call) (any, error) {
	s.mu.Lock()
	found := s.files.byID[c.text("file_id")]
	s.mu.Unlock()
	if found == nil {
		return nil, bad("wrong file_id or the file is temporarily unavailable")
	}
	content := s.content(found)
	switch {
	case content == nil:
		return nil, bad("wrong file_id or the file is temporarily unavailable")
	case len(content) > maxDownload:
		return nil, bad("file is too big")
	}
	return map[string]any{
		"file_id": found.id, "file_unique_id": found.unique, "file_size": len(content), "file_path": found.path,
	}, nil
}

// getChat is https://core.telegram.org/bots/api#getchat.
func getChat(_ context.Context, s *Server, c *call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	chat, err := s.lookUp(c)
	switch {
	case err != nil:
		return nil, err
	case chat.kind == "private" && chat.botIs == "":
		return nil, bad("chat not found")
	case chat.kind != "private" && chat.closedToBot() != nil:
		return nil, chat.closedToBot()
	}
	w := chat.wire()
	w["accent_color_id"], w["max_reaction_count"] = 0, 11
	w["accepted_gift_types"] = map[string]bool{
		"unlimited_gifts": false, "limited_gifts": false, "unique_gifts": false,
		"premium_subscription": false, "gifts_from_channels": false,
	}
	return w, nil
}

// getChatMember is https://core.telegram.org/bots/api#getchatmember.
func getChatMember(_ context.Context, s *Server, c *call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	chat, err := s.chatOf(c)
	if err != nil {
		return nil, err
	}
	id, err := strconv.ParseInt(c.text("user_id"), 10, 64)
	if err != nil {
		return nil, bad("invalid user_id specified")
	}
	user, status := s.users[id], chat.people[id]
	switch {
	case id == s.bot.ID:
		user, status = s.bot, chat.botIs
	case user == nil:
		return nil, bad("user not found")
	case chat.person == user:
		status = "member"
	case status == "":
		status = "left"
	}
	return chat.member(user, status), nil
}
