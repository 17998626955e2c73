"""The words of the pages, in Swedish and English, and which of the two a reader gets."""

from collections.abc import Mapping

TEXTS: Mapping[str, tuple[str, str]] = {
    "test_mode": ("Testläge: inga pengar dras.", "Test mode: no money is taken."),
    "stand_in": ("Det här är en ersättare för Stripe på den egna datorn.",
                 "This is a stand-in for Stripe on this computer."),
    "pay_title": ("Betala", "Pay"),
    "order": ("Din beställning", "Your order"),
    "quantity": ("{n} st", "Qty {n}"),
    "each": ("{price} styck", "{price} each"),
    "subtotal": ("Delsumma", "Subtotal"),
    "discount": ("Rabatt", "Discount"),
    "total": ("Att betala", "Total to pay"),
    "back": ("Tillbaka till butiken", "Back to the shop"),
    "email": ("E-post", "E-mail"),
    "payment": ("Betalsätt", "Payment method"),
    "card": ("Kort", "Card"),
    "klarna": ("Klarna", "Klarna"),
    "swish": ("Swish", "Swish"),
    "sepa_debit": ("Dragning från konto (SEPA)", "Debit from an account (SEPA)"),
    "iban": ("Kontots IBAN", "The account's IBAN"),
    "iban_hint": ("AT61 1904 3002 3457 3201 går igenom.",
                  "AT61 1904 3002 3457 3201 goes through."),
    "number": ("Kortnummer", "Card number"),
    "number_hint": ("4242 4242 4242 4242 går igenom.", "4242 4242 4242 4242 goes through."),
    "exp": ("Giltigt till", "Expiry date"),
    "exp_hint": ("MM / ÅÅ", "MM / YY"),
    "cvc": ("Säkerhetskod", "Security code"),
    "cvc_hint": ("Tre siffror", "Three digits"),
    "leaves": ("Du kommer till en testsida för {method}.",
               "You will go to a test page for {method}."),
    "pay": ("Betala {amount}", "Pay {amount}"),
    "complete_free": ("Slutför beställningen", "Complete the order"),
    "free": ("Det finns inget att betala.", "There is nothing to pay."),
    "cards_title": ("Testkort", "Test cards"),
    "cards_note": ("Valfritt datum framåt i tiden och valfri säkerhetskod.",
                   "Any date in the future and any security code."),
    "does_success": ("Går igenom", "Goes through"),
    "does_mastercard": ("Går igenom, Mastercard", "Goes through, Mastercard"),
    "does_3ds": ("Frågar efter 3-D Secure", "Asks for 3-D Secure"),
    "does_3ds_declined": ("3-D Secure, sedan nekat", "3-D Secure, then declined"),
    "does_refund_pending": ("Återbetalning dröjer", "Refund is pending first"),
    "does_refund_failed": ("Återbetalning misslyckas senare", "Refund fails later"),
    "does_dispute": ("Går igenom, bestrids sedan", "Goes through, then disputed"),
    "does_inquiry": ("Går igenom, sedan frågar banken", "Goes through, then the bank asks"),
    "declined_title": ("Betalningen gick inte igenom", "The payment did not go through"),
    "try_again": ("Inga pengar har dragits. Försök igen eller välj ett annat betalsätt.",
                  "Nothing was charged. Try again, or choose another way to pay."),
    "generic_decline": ("Kortet nekades av banken.", "The bank declined the card."),
    "insufficient_funds": ("Det finns inte tillräckligt med pengar på kortet.",
                           "There is not enough money on the card."),
    "lost_card": ("Kortet är spärrat som borttappat.", "The card is reported lost."),
    "stolen_card": ("Kortet är spärrat som stulet.", "The card is reported stolen."),
    "expired_card": ("Kortet har gått ut.", "The card has expired."),
    "incorrect_cvc": ("Säkerhetskoden stämmer inte.", "The security code is wrong."),
    "processing_error": ("Något gick fel hos banken. Försök igen om en stund.",
                         "Something went wrong at the bank. Try again in a moment."),
    "payment_intent_authentication_failure": ("Banken kunde inte bekräfta att det är du.",
                                              "The bank could not confirm that it is you."),
    "payment_intent_payment_attempt_failed": ("Betalningen avbröts.", "The payment was cancelled."),
    "fix_title": ("Något saknas eller stämmer inte", "Something is missing or not right"),
    "bad_email": ("Skriv en e-postadress, till exempel namn@example.se.",
                  "Enter an e-mail address, such as name@example.com."),
    "bad_method": ("Välj ett betalsätt.", "Choose a way to pay."),
    "no_number": ("Skriv kortnumret.", "Enter the card number."),
    "bad_number": ("Kortnumret stämmer inte. Kontrollera siffrorna.",
                   "The card number is not valid. Check the digits."),
    "not_a_test_card": ("Det här är inget testkort. Använd till exempel 4242 4242 4242 4242.",
                        "This is not a test card. Use one, such as 4242 4242 4242 4242."),
    "no_iban": ("Skriv kontots IBAN.", "Enter the account's IBAN."),
    "not_a_test_account": (
        "Det här är inget testkonto. Använd till exempel AT61 1904 3002 3457 3201.",
        "This is not a test account. Use one, such as AT61 1904 3002 3457 3201."),
    "bad_exp": ("Skriv månad och år, till exempel 12 / 34.",
                "Enter month and year, as in 12 / 34."),
    "past_exp": ("Datumet har passerat.", "The date has passed."),
    "bad_cvc": ("Skriv de tre eller fyra siffrorna.", "Enter the three or four digits."),
    "3ds_title": ("Bekräfta köpet hos din bank", "Confirm the purchase with your bank"),
    "3ds_text": ("Här frågar banken efter 3-D Secure. I testläget väljer du själv hur det går.",
                 "The bank asks for 3-D Secure here. In test mode you choose how it goes."),
    "3ds_yes": ("Bekräfta", "Complete"),
    "3ds_no": ("Låt det misslyckas", "Fail"),
    "redirect_title": ("Testsida för {method}", "Test page for {method}"),
    "redirect_text": ("Här skulle {method} ha frågat. Välj hur det går.",
                      "{method} would have asked here. Choose how it goes."),
    "redirect_yes": ("Godkänn betalningen", "Authorise the payment"),
    "redirect_no": ("Neka betalningen", "Fail the payment"),
    "bank_back": ("Tillbaka utan att betala", "Back without paying"),
    "amount": ("Belopp", "Amount"),
    "paid_title": ("Redan betalt", "Already paid"),
    "paid_text": ("Den här beställningen är betald. Du behöver inte göra något mer.",
                  "This order has been paid. There is nothing more to do."),
    "paid_link": ("Till din beställning", "To your order"),
    "processing_title": ("Betalningen är på väg", "The payment is on its way"),
    "processing_text": ("Din bank behöver lite tid. Butiken hör av sig när pengarna har kommit.",
                        "Your bank needs some time. The shop will tell you when it is paid."),
    "failed_title": ("Betalningen gick inte igenom", "The payment did not go through"),
    "failed_text": ("Din bank sade nej och inga pengar har dragits.",
                    "Your bank said no, and nothing was charged."),
    "expired_title": ("Betalsidan har gått ut", "This payment page has expired"),
    "expired_text": ("Inga pengar har dragits. Gå tillbaka till butiken och börja om.",
                     "Nothing was charged. Go back to the shop and start the payment again."),
    "missing_title": ("Sidan finns inte", "There is no such page"),
    "missing_text": ("Kontrollera länken, eller gå tillbaka till butiken.",
                     "Check the link, or go back to the shop."),
    "broken_title": ("Något gick fel i ersättaren för Stripe", "The stand-in for Stripe failed"),
    "broken_text": ("Inget har ändrats. Felet står i loggen.",
                    "Nothing was changed. The log says what happened."),
    "root_title": ("Ersättare för Stripe", "Stand-in for Stripe"),
    "root_text": ("Gör det som Stripe gör för butiken, på den egna datorn och utan pengar.",
                  "It does for the shop what Stripe does, on this computer and without money."),
    "dashboard": ("Översikten: återbetala, bestrid, betala ut (på engelska)",
                  "The dashboard: refund, dispute, pay out"),
    "latest": ("Senaste betalningarna", "Latest payments"),
    "none_yet": ("Ingen har gått till betalningen än.", "Nobody has gone to pay yet."),
    "when": ("När", "When"),
    "status": ("Läge", "Status"),
    "reference": ("Referens", "Reference"),
    "status_open": ("väntar på betalning", "waiting for payment"),
    "status_complete": ("betald", "paid"),
    "status_processing": ("väntar på banken", "waiting for the bank"),
    "status_failed": ("nekad av banken", "refused by the bank"),
    "status_expired": ("utgången", "expired"),
    "outcome": ("Vad som händer", "What happens"),
}  # fmt: skip


def text(key: str, locale: str, **values: object) -> str:
    swedish, english = TEXTS[key]
    return (swedish if locale == "sv" else english).format(**values)


def locale_of(session_locale: str | None, accept_language: str) -> str:
    """`sv` or `en`: what the session says, else what the browser asks for first."""
    if session_locale not in {None, "auto"}:
        return "sv" if session_locale == "sv" else "en"
    for _, tag in sorted(_wishes(accept_language), reverse=True):
        if tag[:2] in {"sv", "en"}:
            return tag[:2]
    return "en"


def _wishes(header: str) -> list[tuple[float, str]]:
    wishes = []
    for place, part in enumerate(header.lower().split(",")):
        tag, _, quality = part.strip().partition(";q=")
        try:
            wishes.append((float(quality or 1) - place / 1000, tag))
        except ValueError:
            continue
    return wishes
