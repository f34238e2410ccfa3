package skein

// #include "arrays.h"
import "C"

import (
	"runtime"
	"unsafe"
)

// Message is one turn of a conversation.
type Message struct {
	Role string // "system", "user" or "assistant"
	Text string
}

// A conversation's messages as arrays of plain bytes and numbers.
type messages struct {
	count C.uint32_t
	roles []byte // each with a NUL behind it
	texts []byte
	sizes []C.uint64_t
}

func flatten(conversation []Message) (messages, error) {
	flat := messages{count: C.uint32_t(len(conversation))}
	for _, m := range conversation {
		if _, err := cString("role", m.Role); err != nil {
			return messages{}, err
		}
		flat.roles = append(append(flat.roles, m.Role...), 0)
		flat.texts = append(flat.texts, m.Text...)
		flat.sizes = append(flat.sizes, C.uint64_t(len(m.Text)))
	}
	return flat, nil
}

// ChatPrompt renders messages with the model's template.
func (m *Model) ChatPrompt(conversation []Message, options Options) (prompt string, err error) {
	defer runtime.KeepAlive(m)
	flat, err := flatten(conversation)
	if err != nil {
		return "", err
	}
	err = options.with(ChatOptions, func(options C.skein_options) error {
		text, err := sized(0, func(b *byte, n C.uint64_t, size *C.uint64_t, e *C.skein_error) C.skein_status {
			return C.skein_go_chat_prompt(m.c(), flat.count, chars(flat.roles), chars(flat.texts), given(flat.sizes), options,
				(*C.char)(unsafe.Pointer(b)), n, size, e)
		})
		prompt = string(text)
		return err
	})
	return prompt, err
}

// SetChat sets the prompt to what Model.ChatPrompt gives, and the stops to what ends the answer.
func (r *Request) SetChat(conversation []Message, options Options) error {
	defer runtime.KeepAlive(r)
	flat, err := flatten(conversation)
	if err != nil {
		return err
	}
	return options.with(ChatOptions, func(options C.skein_options) error {
		return call(func(e *C.skein_error) C.skein_status {
			return C.skein_go_set_chat(r.c(), flat.count, chars(flat.roles), chars(flat.texts), given(flat.sizes), options, e)
		})
	})
}
