package telegramtest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"imaginebot/bots/telegram/telegramtest"
)

// Ann asks for a picture and presses a button. The bot, here, is whoever calls the server's URL.
func ExampleServer() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s := telegramtest.New(telegramtest.Settings{})
	if err := s.Start(); err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	bot := func(method string, params url.Values) {
		response, err := http.PostForm(s.URL()+"/bot"+s.Token()+"/"+method, params)
		if err != nil {
			fmt.Println(err)
			return
		}
		_ = response.Body.Close()
	}
	defer http.DefaultClient.CloseIdleConnections()

	ann := s.User("Ann", "en")
	chat := s.Private(ann)
	if _, err := ann.Send(chat, telegramtest.Text("/imagine a red fox")); err != nil {
		fmt.Println(err)
	}
	bot("sendMessage", url.Values{
		"chat_id":      {strconv.FormatInt(chat.ID, 10)},
		"text":         {"A red fox, <b>0.04 PTC</b>"},
		"parse_mode":   {"HTML"},
		"reply_markup": {`{"inline_keyboard":[[{"text":"Again","callback_data":"again"}]]}`},
	})
	told, err := s.WaitMessage(ctx, chat, func(m telegramtest.Message) bool { return m.FromBot })
	fmt.Println(told.Text, told.Entities, told.Buttons, err)

	press, err := ann.Press(told, "Again")
	if err != nil {
		fmt.Println(err)
		return
	}
	bot("answerCallbackQuery", url.Values{"callback_query_id": {press.ID}, "text": {"Drawing another"}})
	answer, err := press.Wait(ctx)
	fmt.Println(answer.Text, err)
	fmt.Println(len(s.Violations()), "violations")
	// Output:
	// A red fox, 0.04 PTC [{bold 11 8  0   0}] [[{Again again }]] <nil>
	// Drawing another <nil>
	// 0 violations
}
