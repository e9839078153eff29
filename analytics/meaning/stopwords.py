"""Words that say nothing of a call's subject: function words after Snowball's lists, and the small talk of telephones,
which is in every call."""

from __future__ import annotations

from analytics.meaning.words import pieces

_ENGLISH = """
i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers herself it its
itself they them their theirs themselves what which who whom this that these those am is are was were be been being have
has had having do does did doing would should could can cannot ought might must may shall will i'm you're he's she's
it's we're they're i've you've we've they've i'd you'd he'd she'd we'd they'd i'll you'll he'll she'll we'll they'll
isn't aren't wasn't weren't hasn't haven't hadn't doesn't don't didn't won't wouldn't shan't shouldn't can't couldn't
mustn't let's that's who's what's here's there's when's where's why's how's a an the and but if or because as until
while of at by for with about against between into through during before after above below to from up upon down in out
on off over under again further then once here there when where why how all any both each few more most other some such
no nor not only own same so than too very just also still yet now one two get got go going gonna want wanna say said
says see look know think mean make take give tell put come like well really actually maybe something anything nothing
thing things way lot bit much many even ever never always already kind sort quite else let us im new old oh uh um ah
er hmm hm mm mhm uhm huh yeah yes yep nope okay ok alright right sure hello hi hey good morning afternoon evening bye
goodbye please thank thanks sorry welcome moment minute second today tomorrow yesterday day call calling speak speaking
help
"""
_RUSSIAN = """
и в во не что он на я с со как а то все она так его но да ты к у же вы за бы по только ее мне было вот от меня еще нет о
из ему теперь когда даже ну вдруг ли если уже или ни быть был него до вас нибудь опять уж вам сказал ведь там потом
себя ничего ей может они тут где есть надо ней для мы тебя их чем была сам чтоб без будто чего раз тоже себе под будет ж
тогда кто этот говорил того потому этого какой совсем ним здесь этом один почти мой тем чтобы нее были куда зачем всех
никогда можно при наконец два об другой хоть после над больше тот через эти нас про всего них какая много разве три эту
моя впрочем хорошо свою этой перед иногда лучше чуть том нельзя такой им более всегда конечно всю между это мое ваш ваша
ваше ваши вашу вашего вашей наш наша наши нам нами вами мной тебе тобой которые который которая которое просто очень
сейчас сегодня завтра вчера вообще значит типа короче например давайте давай пожалуйста спасибо здравствуйте добрый
день вечер утро алло ало ага угу окей ладно понятно свидания слушаю говорите скажите минуту минутку секунду буду будем
могу можете можем хочу хотите хотел хотела нужно знаю знаете думаю наверное такое такая такие какие какое ничем чему
потому поэтому также либо самый самая самое собственно господи девушка
"""


def _set(text: str) -> frozenset[str]:
    return frozenset(pieces(text))


STOPWORDS: dict[str, frozenset[str]] = {"en": _set(_ENGLISH), "ru": _set(_RUSSIAN)}
"""By language; without a list no topics and no extracts are offered."""
