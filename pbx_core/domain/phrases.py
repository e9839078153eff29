"""What the exchange itself says to people, in English, Russian, Swahili and Kyrgyz, as `say:` sounds.

Numbers stand where no grammar of theirs is needed ("Ваш номер в очереди: 3"), because the synthesiser reads digits in
the base form only; where a noun follows, the Russian number is written in words of its gender. Short numbers and
telephone numbers are read digit by digit.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

LANGUAGES = ("en", "ru", "sw", "ky")
NAME_CHARS_MAX = 80  # of a name or number inside a sentence
_RU_TENS = ("", "", "двадцать", "тридцать", "сорок", "пятьдесят")
_RU_ONES = (
    *("ноль", "одна", "две", "три", "четыре", "пять", "шесть", "семь", "восемь", "девять", "десять", "одиннадцать"),
    *("двенадцать", "тринадцать", "четырнадцать", "пятнадцать", "шестнадцать", "семнадцать", "восемнадцать"),
    "девятнадцать",
)


@dataclass(frozen=True)
class _Sentence:
    """One key's sentence in every language; {…} names its values."""

    en: str
    ru: str
    sw: str
    ky: str


_SENTENCES = {
    "queue_welcome": _Sentence(
        "Thank you for calling. Please hold, one of us will be with you shortly.",
        "Спасибо за звонок. Пожалуйста, оставайтесь на линии, вам скоро ответят.",
        "Asante kwa kupiga simu. Tafadhali subiri, utahudumiwa hivi punde.",
        "Чалганыңыз үчүн рахмат. Сураныч, күтө туруңуз, сизге жакында жооп беришет.",
    ),
    "queue_position": _Sentence(
        "You are number {n} in the queue.",
        "Ваш номер в очереди: {n}.",
        "Wewe ni namba {n} kwenye foleni.",
        "Кезектеги номериңиз: {n}.",
    ),
    "queue_wait": _Sentence(
        "The waiting time is about {minutes}.",
        "Примерное время ожидания: {minutes}.",
        "Muda wa kusubiri ni takriban {minutes}.",
        "Күтүү убактысы болжол менен {minutes}.",
    ),
    "queue_callback_ok": _Sentence(
        "Your place in the queue is kept. We will call you back. Goodbye.",
        "Ваше место в очереди сохранено. Мы вам перезвоним. До свидания.",
        "Nafasi yako kwenye foleni imehifadhiwa. Tutakupigia simu. Kwaheri.",
        "Кезектеги ордуңуз сакталды. Биз сизге кайра чалабыз. Жакшы калыңыз.",
    ),
    "queue_exit": _Sentence(
        "You are leaving the queue.",
        "Вы выходите из очереди.",
        "Unaondoka kwenye foleni.",
        "Сиз кезектен чыгып жатасыз.",
    ),
    "voicemail_greeting": _Sentence(
        "{name} is not available. Please leave a message after the tone.",
        "{name} не может ответить. Пожалуйста, оставьте сообщение после сигнала.",
        "{name} hapatikani kwa sasa. Tafadhali acha ujumbe baada ya mlio.",
        "{name} азыр жооп бере албайт. Сураныч, үн белгисинен кийин билдирүү калтырыңыз.",
    ),
    "voicemail_saved": _Sentence(
        "Your message has been saved. Goodbye.",
        "Ваше сообщение сохранено. До свидания.",
        "Ujumbe wako umehifadhiwa. Kwaheri.",
        "Билдирүүңүз сакталды. Жакшы калыңыз.",
    ),
    "mailbox_empty": _Sentence(
        "You have no messages.",
        "У вас нет сообщений.",
        "Huna ujumbe wowote.",
        "Сизде билдирүү жок.",
    ),
    "mailbox_message": _Sentence(
        "Message {n} of {total}.",
        "Сообщение номер {n}. Всего сообщений: {total}.",
        "Ujumbe wa {n} kati ya {total}.",
        "Билдирүү {n}. Бардыгы: {total}.",
    ),
    "mailbox_help": _Sentence(
        "Press 1 to hear it again, 2 for the next message, 7 to delete it, or the hash key to leave.",
        "Нажмите 1, чтобы прослушать ещё раз, 2 для следующего сообщения, 7, чтобы удалить, решётку, чтобы выйти.",
        "Bonyeza 1 kusikiliza tena, 2 kwa ujumbe unaofuata, 7 kufuta, au alama ya reli kutoka.",
        "Кайра угуу үчүн 1 баскычын, кийинки билдирүү үчүн 2, өчүрүү үчүн 7, чыгуу үчүн торчо баскычын басыңыз.",
    ),
    "message_deleted": _Sentence(
        "The message has been deleted.",
        "Сообщение удалено.",
        "Ujumbe umefutwa.",
        "Билдирүү өчүрүлдү.",
    ),
    "recording_announcement": _Sentence(
        "This call is recorded.",
        "Этот разговор записывается.",
        "Simu hii inarekodiwa.",
        "Бул сүйлөшүү жазылып алынат.",
    ),
    "not_available": _Sentence(
        "The person you are calling is not available.",
        "Вызываемый абонент сейчас недоступен.",
        "Mtu unayempigia hapatikani kwa sasa.",
        "Сиз чалган абонент азыр жеткиликсиз.",
    ),
    "wrong_number": _Sentence(
        "There is no such number.",
        "Такого номера нет.",
        "Namba hiyo haipo.",
        "Мындай номер жок.",
    ),
    "not_allowed": _Sentence(
        "This call is not allowed.",
        "Этот вызов не разрешён.",
        "Simu hii hairuhusiwi.",
        "Бул чалууга уруксат жок.",
    ),
    "blocked": _Sentence(
        "Calls from your number are not accepted.",
        "Вызовы с вашего номера не принимаются.",
        "Simu kutoka namba yako hazipokelewi.",
        "Сиздин номериңизден чалуулар кабыл алынбайт.",
    ),
    "transfer_failed": _Sentence(
        "The transfer did not succeed.",
        "Перевести вызов не удалось.",
        "Kuhamisha simu kumeshindikana.",
        "Чалууну которуу ишке ашкан жок.",
    ),
    "parked": _Sentence(
        "The call is parked on {slot}.",
        "Вызов припаркован на номере {slot}.",
        "Simu imeegeshwa kwenye namba {slot}.",
        "Чалуу {slot} номеринде күтүп турат.",
    ),
    "conference_alone": _Sentence(
        "You are the first in this conference.",
        "Вы первый участник конференции.",
        "Wewe ni wa kwanza kwenye mkutano huu.",
        "Сиз бул конференциянын биринчи катышуучусусуз.",
    ),
    "conference_pin": _Sentence(
        "Please enter the conference number, then press hash.",
        "Пожалуйста, введите код конференции и нажмите решётку.",
        "Tafadhali ingiza namba ya siri ya mkutano, kisha bonyeza alama ya reli.",
        "Сураныч, конференциянын кодун терип, торчо баскычын басыңыз.",
    ),
    "conference_wrong_pin": _Sentence(
        "That number is not right.",
        "Код неверный.",
        "Namba hiyo ya siri si sahihi.",
        "Код туура эмес.",
    ),
    "menu_wrong_key": _Sentence(
        "That key is not in use.",
        "Такого пункта нет.",
        "Chaguo hilo halipo.",
        "Мындай баскыч колдонулбайт.",
    ),
    "menu_timeout": _Sentence(
        "We did not hear your choice.",
        "Вы ничего не выбрали.",
        "Hukuchagua chochote.",
        "Сиз эч нерсе тандаган жоксуз.",
    ),
    "dnd_on": _Sentence(
        "Do not disturb is on.",
        "Режим «не беспокоить» включён.",
        "Usisumbue imewashwa.",
        "Тынчымды алба режими күйгүзүлдү.",
    ),
    "dnd_off": _Sentence(
        "Do not disturb is off.",
        "Режим «не беспокоить» выключен.",
        "Usisumbue imezimwa.",
        "Тынчымды алба режими өчүрүлдү.",
    ),
    "forward_on": _Sentence(
        "Your calls are forwarded to {target}.",
        "Вызовы переадресуются на номер {target}.",
        "Simu zako zitaelekezwa kwenye namba {target}.",
        "Чалууларыңыз {target} номерине багытталат.",
    ),
    "forward_off": _Sentence(
        "Forwarding is off.",
        "Переадресация выключена.",
        "Kuelekeza simu kumezimwa.",
        "Чалууларды багыттоо өчүрүлдү.",
    ),
    "logged_in": _Sentence(
        "You are logged in.",
        "Вы вошли в очередь.",
        "Umeingia kazini.",
        "Сиз кезекке кирдиңиз.",
    ),
    "logged_out": _Sentence(
        "You are logged out.",
        "Вы вышли из очереди.",
        "Umetoka kazini.",
        "Сиз кезектен чыктыңыз.",
    ),
    "paused": _Sentence(
        "You are on a break.",
        "Перерыв начат.",
        "Uko mapumzikoni.",
        "Тыныгуу башталды.",
    ),
    "unpaused": _Sentence(
        "Your break is over.",
        "Перерыв окончен.",
        "Mapumziko yako yamekwisha.",
        "Тыныгуу бүттү.",
    ),
    "nothing_to_pick_up": _Sentence(
        "There is no call to pick up.",
        "Нет вызова, который можно принять.",
        "Hakuna simu ya kupokea.",
        "Кабыл ала турган чалуу жок.",
    ),
    "nothing_parked": _Sentence(
        "No call is parked there.",
        "Там нет припаркованного вызова.",
        "Hakuna simu iliyoegeshwa hapo.",
        "Ал жерде күтүп турган чалуу жок.",
    ),
    "no_right": _Sentence(
        "You have no right to do this.",
        "У вас нет на это права.",
        "Huna ruhusa ya kufanya hivyo.",
        "Буга укугуңуз жок.",
    ),
    "opted_out": _Sentence(
        "We will not call you again. Goodbye.",
        "Мы больше не будем вам звонить. До свидания.",
        "Hatutakupigia simu tena. Kwaheri.",
        "Биз сизге мындан ары чалбайбыз. Жакшы калыңыз.",
    ),
    "recording_on": _Sentence(
        "Recording is on.",
        "Запись включена.",
        "Kurekodi kumewashwa.",
        "Жазуу күйгүзүлдү.",
    ),
    "recording_off": _Sentence(
        "Recording is off.",
        "Запись выключена.",
        "Kurekodi kumezimwa.",
        "Жазуу өчүрүлдү.",
    ),
    "error": _Sentence(
        "Something went wrong. Please call again later.",
        "Произошла ошибка. Пожалуйста, перезвоните позже.",
        "Hitilafu imetokea. Tafadhali piga tena baadaye.",
        "Ката кетти. Сураныч, кийинчерээк кайра чалыңыз.",
    ),
}
KEYS = tuple(_SENTENCES)
_NOBODY = _Sentence("The person you are calling", "Абонент", "Mtu unayempigia", "Сиз чалган абонент")
_UNDER_A_MINUTE = _Sentence("less than a minute", "меньше минуты", "chini ya dakika moja", "бир мүнөткө жетпейт")
_OVER_AN_HOUR = _Sentence("more than an hour", "больше часа", "zaidi ya saa moja", "бир сааттан ашык")


def phrase(key: str, language: str, **values: object) -> str:
    """The sound of a sentence: `say:<language>:<text>`. A language we do not speak becomes English. KeyError: no such
    sentence, or a value it needs is missing. Values may come from anybody: they are cut and cleaned."""
    spoken = speakable(language)
    sentence: str = getattr(_SENTENCES[key], spoken)
    ready = {name: _value(name, value, spoken) for name, value in values.items()}
    return f"say:{spoken}:{sentence.format_map(ready)}"


def speakable(language: str) -> str:
    """The language in which we say things to somebody of this language tag: ky-KG → ky; English where we have none."""
    primary = language.replace("_", "-").split("-")[0].lower()
    return primary if primary in LANGUAGES else "en"


def _value(name: str, value: object, language: str) -> str:
    if name == "minutes" and isinstance(value, int | float):
        return _minutes(int(value), language)
    text = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in str(value))
    text = " ".join(text.split())[:NAME_CHARS_MAX]
    if name in ("name", "slot", "target"):
        return _number(text) or getattr(_NOBODY, language)
    return text


def _number(text: str) -> str:
    """Digits apart, so that each is read; other text as it is."""
    digits = text.removeprefix("+")
    return " ".join(digits) if digits.isascii() and digits.isdecimal() else text


def _minutes(minutes: int, language: str) -> str:
    if minutes < 1:
        return getattr(_UNDER_A_MINUTE, language)  # type: ignore[no-any-return]
    if minutes >= 60:
        return getattr(_OVER_AN_HOUR, language)  # type: ignore[no-any-return]
    match language:
        case "ru":
            return f"{_russian_feminine(minutes)} {russian_plural(minutes, 'минута', 'минуты', 'минут')}"
        case "sw":
            return f"dakika {minutes}"
        case "ky":
            return f"{minutes} мүнөт"
        case _:
            return "1 minute" if minutes == 1 else f"{minutes} minutes"


def russian_plural(n: int, one: str, few: str, many: str) -> str:
    """The noun's form after a whole number: 1 and 21 one, 2–4 and 22–24 few, 0, 5–20 and 11–14 many."""
    if n % 10 == 1 and n % 100 != 11:
        return one
    return few if 2 <= n % 10 <= 4 and not 12 <= n % 100 <= 14 else many


def _russian_feminine(n: int) -> str:
    """A number 1–59 in words before a feminine noun."""
    if n < 20:
        return _RU_ONES[n]
    return f"{_RU_TENS[n // 10]} {_RU_ONES[n % 10]}" if n % 10 else _RU_TENS[n // 10]
