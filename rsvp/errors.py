"""Refusals: a rule says no, with a code for machines and facts for people."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """A rule says no and nothing has changed.

    `code` is stable and meant for machines; `facts` are what a page needs to explain
    it. The words people read are chosen where they are shown (templates, commands).
    """

    code = "refused"
    status = 409

    def __init__(self, **facts: Any) -> None:
        super().__init__(self.code)
        self.facts = facts


class EventCancelled(Refusal):
    code = "event_cancelled"


class EventOver(Refusal):
    code = "event_over"


class RegistrationNotOpen(Refusal):
    """Registration opens later; `opens_at` says when."""

    code = "registration_not_open"


class RegistrationClosed(Refusal):
    code = "registration_closed"


class RegistrationPaused(Refusal):
    code = "registration_paused"


class AdmissionFull(Refusal):
    """Nothing is free, and this admission keeps no line; `admission` is its name."""

    code = "full"


class PartyTooLarge(Refusal):
    """More people than this admission could ever seat together."""

    code = "party_too_large"


class TooManyMails(Refusal):
    """The address has had as many mails from public forms as it may (`limit`)."""

    code = "too_many_mails"
    status = 429


class LinkEnded(Refusal):
    """The link of the page after the form, of a registration whose owner has used the
    one from the mail since."""

    code = "link_ended"
    status = 410


class AlreadyOver(Refusal):
    """The registration or attendee was cancelled before; there is nothing to cancel."""

    code = "already_over"


class TooLateToCancel(Refusal):
    """The deadline for it has passed: a link gives up and changes nothing any more."""

    code = "too_late_to_cancel"


class WaitlistFull(Refusal):
    """Nothing is free, and as many wait for this admission (its name) as may."""

    code = "line_full"


class NoSeatFree(Refusal):
    """Nothing is free that nobody waiting could use, so what stands stays as it is."""

    code = "no_seat_free"


class NotConfirmed(Refusal):
    """Only who has a place can do this (a guest more, passing it on)."""

    code = "not_confirmed"


class NotOffered(Refusal):
    """There is no offer to answer: it was answered before, or there never was one."""

    code = "not_offered"


class OfferEnded(Refusal):
    """The offer ended at `ended_at`, and by now somebody else has the place."""

    code = "offer_ended"


class AnswerFirst(Refusal):
    """An offer or an unconfirmed address waits for an answer before other changes."""

    code = "answer_first"


class AlreadyPutOff(Refusal):
    """An offer can be put off once; this one has been."""

    code = "put_off_before"


class NotRequested(Refusal):
    """The registration does not wait for approval (any more)."""

    code = "not_requested"


class NotOver(Refusal):
    """The registration is not over, so there is nothing to bring back."""

    code = "not_over"


class WrongParty(Refusal):
    """Too many people were named for an offer, none, or some who are not coming;
    `seats` is how many may come."""

    code = "wrong_party"
    status = 422


class AddressInUse(Refusal):
    """The address has a registration for this admission already."""

    code = "address_in_use"


class NotTransferable(Refusal):
    """Places of this event are meant for whom they were given to."""

    code = "not_passed_on"


class WrongAdmission(Refusal):
    """The event has no such admission, or the registration is for it already."""

    code = "wrong_admission"
    status = 422


class TooFewToReserve(Refusal):
    """More seats would be reserved than there are (`seats`; None: no cap at all)."""

    code = "too_few_to_reserve"
    status = 422


class InvalidInvitation(Refusal):
    """The code opens nothing: unknown, of another event, ended, or all used up.

    `why` says which of them it is: `unknown`, `ended` or `used_up`.
    """

    code = "no_invitation"
    status = 422


class AlreadyCheckedIn(Refusal):
    """Somebody (`name`) who has been let in can't be cancelled while they are in."""

    code = "already_in"


class NotWaiting(Refusal):
    """The registration is not in line any more, so it can't be moved or seated."""

    code = "not_waiting"


class NoSuchPosition(Refusal):
    """The line has no such place; its last one is `last`."""

    code = "no_such_place"
    status = 422


class DoorPassInactive(Refusal):
    """The door pass does not work now: it opens at `opens_at`, or (None) it has ended
    or was revoked."""

    code = "door_closed"


class DoorsNotOpen(Refusal):
    """Presence decides only from doors on, at `opens_at`; until then the line does."""

    code = "doors_not_open"


class DoorPassFull(Refusal):
    """As many phones as the pass allows (`limit`) are enrolled."""

    code = "door_full"


class DoorPassUnknown(Refusal):
    """A link that is no door pass's, or not any more: it was renewed."""

    code = "door_unknown"
    status = 404


class PhoneUnknown(Refusal):
    """The request comes from a phone that no door pass has enrolled."""

    code = "phone_unknown"
    status = 401


class PhoneStopped(Refusal):
    """The phone may not scan any more: it was retired, or its pass does not work."""

    code = "phone_stopped"
    status = 403


class NotAdmitted(Refusal):
    """Somebody can't be checked in by hand; `verdict` says why."""

    code = "not_admitted"


class Outdated(Refusal):
    """What a message says is not so any more, so it is not sent again."""

    code = "outdated"


class MailingNotDraft(Refusal):
    """A mail of the organizers' own is no draft any more, so it stays as it is."""

    code = "on_its_way"


class NothingToStop(Refusal):
    """A mail of the organizers' own is a draft, was stopped, or has gone out."""

    code = "nothing_to_stop"


class TooManyMailings(Refusal):
    """An event sends as many mails of its organizers (`limit`) as it may in a day."""

    code = "too_many_mailings"
    status = 422


class NobodyToWriteTo(Refusal):
    """The event is a draft, or its data is erased: there is nobody to write to."""

    code = "nobody_to_write_to"


class InvalidCustomText(Refusal):
    """Words for a mail can't be used: `field` says which, `mistake` why."""

    code = "wrong_wording"
    status = 422


class EditConflict(Refusal):
    """Somebody else has changed what a form was filled from; `fields` names them."""

    code = "edit_conflict"


class InUse(Refusal):
    """An admission or question that people already use can't be removed."""

    code = "in_use"


class OtherTeam(Refusal):
    """An event or series (`kind`, `slug`) belongs to another team (`team`)."""

    code = "other_team"


class AccountExists(Refusal):
    """The address (`email`) has an account already."""

    code = "address_taken"


class RetryUnderLock(Exception):
    """What was decided on has changed: run the same change again, under the lock.

    Not a refusal: `db.write` answers it by rolling back and trying once more.
    """


class WriteLockUnavailable(Exception):
    """Nobody can write now: waiting for a turn was given up, or the file that writers
    wait at can't be used (the OSError is its cause). Nothing was changed."""


class StaleEvent(Refusal):
    """The event was changed since its form was shown; look at it again and retry."""

    code = "event_changed"
