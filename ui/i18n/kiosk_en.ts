<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="en" sourcelanguage="da">
<context>
    <name>Board</name>
    <message>
        <source>Et øjeblik, vi gør de sidste færdige …</source>
        <translation>One moment, finishing the last ones …</translation>
    </message>
</context>
<context>
    <name>Farewell</name>
    <message>
        <source>God fornøjelse</source>
        <translation>Enjoy!</translation>
    </message>
    <message>
        <source>Tak for det</source>
        <translation>Thank you</translation>
    </message>
    <message numerus="yes">
        <source>Du har lånt %n ting.</source>
        <translation>
            <numerusform>You have borrowed %n item.</numerusform>
            <numerusform>You have borrowed %n items.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Du har afleveret %n ting.</source>
        <translation>
            <numerusform>You have returned %n item.</numerusform>
            <numerusform>You have returned %n items.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n ting kom ikke med.</source>
        <translation>
            <numerusform>%n item was not accepted.</numerusform>
            <numerusform>%n items were not accepted.</numerusform>
        </translation>
    </message>
    <message>
        <source>Til forsiden</source>
        <translation>Back to start</translation>
    </message>
</context>
<context>
    <name>ItemLine</name>
    <message>
        <source>Aflever senest</source>
        <translation>Return by</translation>
    </message>
    <message>
        <source>Læg den her</source>
        <translation>Put it here</translation>
    </message>
</context>
<context>
    <name>ItemList</name>
    <message>
        <source>Det, du har scannet</source>
        <translation>What you have scanned</translation>
    </message>
</context>
<context>
    <name>LanguageKey</name>
    <message>
        <source>English</source>
        <comment>the name of the other language: Dansk</comment>
        <translation>Dansk</translation>
    </message>
</context>
<context>
    <name>Lending</name>
    <message>
        <source>Hej %1</source>
        <translation>Hello %1</translation>
    </message>
    <message>
        <source>Lån</source>
        <translation>Borrow</translation>
    </message>
    <message>
        <source>Scan det, du vil låne, én ting ad gangen.</source>
        <translation>Scan what you want to borrow, one item at a time.</translation>
    </message>
    <message>
        <source>Scan den næste, eller tryk Færdig.</source>
        <translation>Scan the next one, or tap Done.</translation>
    </message>
    <message>
        <source>lånt</source>
        <translation>borrowed</translation>
    </message>
    <message>
        <source>Færdig</source>
        <translation>Done</translation>
    </message>
</context>
<context>
    <name>Main</name>
    <message>
        <source>DEMO: ingen rigtige lån</source>
        <translation>DEMO: no real loans</translation>
    </message>
</context>
<context>
    <name>Notice</name>
    <message>
        <source>Aflever</source>
        <translation>Return</translation>
    </message>
    <message>
        <source>Til forsiden</source>
        <translation>Back to start</translation>
    </message>
</context>
<context>
    <name>OutOfOrder</name>
    <message>
        <source>Brug en anden automat, eller kom til personalet.</source>
        <translation>Use another machine, or ask the staff.</translation>
    </message>
</context>
<context>
    <name>Pin</name>
    <message>
        <source>Tast din pinkode</source>
        <translation>Enter your PIN</translation>
    </message>
</context>
<context>
    <name>PinDots</name>
    <message>
        <source>%1 af %2 cifre</source>
        <translation>%1 of %2 digits</translation>
    </message>
</context>
<context>
    <name>PinPad</name>
    <message>
        <source>Fortryd</source>
        <translation>Cancel</translation>
    </message>
    <message>
        <source>Slet</source>
        <translation>Clear</translation>
    </message>
</context>
<context>
    <name>Return</name>
    <message>
        <source>Aflever</source>
        <translation>Return</translation>
    </message>
    <message>
        <source>Scan det, du vil aflevere, én ting ad gangen.</source>
        <translation>Scan what you want to return, one item at a time.</translation>
    </message>
    <message>
        <source>Scan den næste, eller tryk Færdig.</source>
        <translation>Scan the next one, or tap Done.</translation>
    </message>
    <message>
        <source>afleveret</source>
        <translation>returned</translation>
    </message>
    <message>
        <source>Fortryd</source>
        <translation>Cancel</translation>
    </message>
    <message>
        <source>Færdig</source>
        <translation>Done</translation>
    </message>
</context>
<context>
    <name>Start</name>
    <message>
        <source>Vil du låne?</source>
        <translation>Want to borrow?</translation>
    </message>
    <message>
        <source>Vil du aflevere?</source>
        <translation>Want to return?</translation>
    </message>
    <message>
        <source>Scan dit sundhedskort eller&#xa0;lånerkort.</source>
        <translation>Scan your health card or&#xa0;library&#xa0;card.</translation>
    </message>
    <message>
        <source>Lån må vente, til der er forbindelse&#xa0;igen.</source>
        <translation>Borrowing must wait until the connection is&#xa0;back.</translation>
    </message>
    <message>
        <source>Aflever uden kort</source>
        <translation>Return without a card</translation>
    </message>
</context>
<context>
    <name>Wait</name>
    <message>
        <source>Et øjeblik …</source>
        <translation>One moment …</translation>
    </message>
    <message>
        <source>Vi slår dig op.</source>
        <translation>We are looking you up.</translation>
    </message>
</context>
<context>
    <name>Words</name>
    <message>
        <source>Et øjeblik …</source>
        <translation>One moment …</translation>
    </message>
    <message>
        <source>Lånt</source>
        <translation>Borrowed</translation>
    </message>
    <message>
        <source>Lånt. Gemt her på automaten</source>
        <translation>Borrowed. Kept here on the machine</translation>
    </message>
    <message>
        <source>Afleveret</source>
        <translation>Returned</translation>
    </message>
    <message>
        <source>Afleveret. En anden venter.</source>
        <translation>Returned. Someone is waiting.</translation>
    </message>
    <message>
        <source>Afleveret. En anden venter. Læg den til personalet.</source>
        <translation>Returned. Someone is waiting. Leave it with the staff.</translation>
    </message>
    <message>
        <source>Afleveret. Gemt her på automaten</source>
        <translation>Returned. Kept here on the machine</translation>
    </message>
    <message>
        <source>Vi kender ikke stregkoden. Læg den til personalet.</source>
        <translation>We do not know this barcode. Leave it with the staff.</translation>
    </message>
    <message>
        <source>Reserveret til en anden. Læg den til personalet.</source>
        <translation>Reserved for somebody else. Leave it with the staff.</translation>
    </message>
    <message>
        <source>Lånes ikke ud. Du kan bruge den her på biblioteket.</source>
        <translation>Not for loan. You can use it here in the library.</translation>
    </message>
    <message>
        <source>Ikke afleveret af den forrige låner. Læg den til personalet.</source>
        <translation>Not yet returned by the last borrower. Leave it with the staff.</translation>
    </message>
    <message>
        <source>Du kan ikke låne lige nu. Tal med personalet.</source>
        <translation>You cannot borrow right now. Please talk to the staff.</translation>
    </message>
    <message>
        <source>Der er aldersgrænse på den. Læg den til personalet.</source>
        <translation>There is an age limit on this one. Leave it with the staff.</translation>
    </message>
    <message>
        <source>Du kan ikke låne flere lige nu. Aflever noget først.</source>
        <translation>You cannot borrow more right now. Return something first.</translation>
    </message>
    <message>
        <source>Kan ikke lånes her. Læg den til personalet.</source>
        <translation>Cannot be borrowed here. Leave it with the staff.</translation>
    </message>
    <message>
        <source>Kan ikke afleveres her. Læg den til personalet.</source>
        <translation>Cannot be returned here. Leave it with the staff.</translation>
    </message>
    <message>
        <source>Kan ikke lånes uden forbindelse. Prøv igen senere.</source>
        <translation>Cannot be borrowed without a connection. Try again later.</translation>
    </message>
    <message>
        <source>Du kan ikke låne flere uden forbindelse. Prøv igen senere.</source>
        <translation>You cannot borrow more without a connection. Try again later.</translation>
    </message>
    <message>
        <source>Blev ikke gemt. Læg den til personalet.</source>
        <translation>Was not saved. Leave it with the staff.</translation>
    </message>
    <message>
        <source>Kort og pinkode passer ikke sammen. Prøv igen.</source>
        <translation>Card and PIN do not match. Please try again.</translation>
    </message>
    <message>
        <source>For mange forsøg</source>
        <translation>Too many tries</translation>
    </message>
    <message>
        <source>Det lykkedes ikke</source>
        <translation>That did not work</translation>
    </message>
    <message>
        <source>Prøv igen om et kvarter, eller spørg personalet.</source>
        <translation>Try again in a quarter of an hour, or ask the staff.</translation>
    </message>
    <message>
        <source>Tal med personalet</source>
        <translation>Please talk to the staff</translation>
    </message>
    <message>
        <source>Du kan ikke låne lige nu. Du kan stadig aflevere.</source>
        <translation>You cannot borrow right now. You can still return.</translation>
    </message>
    <message>
        <source>Vi kan ikke låne ud lige nu</source>
        <translation>We cannot lend right now</translation>
    </message>
    <message>
        <source>Der er ingen forbindelse til biblioteket. Du kan stadig aflevere.</source>
        <translation>There is no connection to the library. You can still return.</translation>
    </message>
    <message>
        <source>Det kan vi ikke uden forbindelse</source>
        <translation>We cannot do that without a connection</translation>
    </message>
    <message>
        <source>Vi kan ikke låne ud til dit kort lige nu. Prøv igen senere. Du kan stadig aflevere.</source>
        <translation>We cannot lend to your card right now. Try again later. You can still return.</translation>
    </message>
    <message>
        <source>Det kunne ikke læses</source>
        <translation>That could not be read</translation>
    </message>
    <message>
        <source>Prøv igen, lidt langsommere.</source>
        <translation>Try again, a little slower.</translation>
    </message>
    <message>
        <source>Ingen forbindelse, og automaten gemmer ikke flere lån. Du kan stadig aflevere.</source>
        <translation>No connection, and this machine can keep no more loans. You can still return.</translation>
    </message>
    <message>
        <source>Ingen forbindelse. Du kan aflevere, men ikke låne lige nu.</source>
        <translation>No connection. You can return, but not borrow right now.</translation>
    </message>
    <message>
        <source>Ingen forbindelse. Du kan aflevere, og låne hvis du har lånt her for nylig.</source>
        <translation>No connection. You can return, and borrow if you did so here lately.</translation>
    </message>
    <message>
        <source>Ingen forbindelse. Du kan stadig låne og aflevere her.</source>
        <translation>No connection. You can still borrow and return here.</translation>
    </message>
    <message>
        <source>Scan dit kort</source>
        <translation>Scan your card</translation>
    </message>
    <message>
        <source>Tast pinkoden færdig, og scan dit kort.</source>
        <translation>Finish your PIN, and scan your card.</translation>
    </message>
    <message>
        <source>Den samme, som når du låner.</source>
        <translation>The same as when you borrow.</translation>
    </message>
    <message>
        <source>Ingen forbindelse. Det, skærmen bekræfter, er gemt og sendes senere.</source>
        <translation>No connection. What the screen confirms is saved and sent later.</translation>
    </message>
    <message>
        <source>Læseren svarer ikke. Det, der står som klaret, er gemt.</source>
        <translation>The reader does not answer. What is ticked off is saved.</translation>
    </message>
    <message>
        <source>Automaten kan ikke gemme mere. Læg resten til personalet.</source>
        <translation>The machine cannot save any more. Leave the rest with the staff.</translation>
    </message>
    <message>
        <source>Automaten er ude af drift</source>
        <translation>This machine is out of order</translation>
    </message>
    <message>
        <source>Den kan ikke gemme nye lån og afleveringer. Det, du har fået bekræftet, gælder.</source>
        <translation>It cannot save new loans and returns. What it has confirmed to you still counts.</translation>
    </message>
    <message>
        <source>Den kan ikke læse kort og bøger. Den prøver selv igen og starter, når den kan.</source>
        <translation>It cannot read cards and books. It keeps trying and starts again when it can.</translation>
    </message>
    <message>
        <source>Biblioteket er åbent</source>
        <translation>The library is open</translation>
    </message>
    <message>
        <source>Du behøver ikke kort lige nu. Er døren låst, så bank på.</source>
        <translation>You need no card right now. If the door is locked, knock.</translation>
    </message>
    <message>
        <source>Vi har lukket</source>
        <translation>We are closed</translation>
    </message>
    <message>
        <source>Åbningstiderne står på bibliotekets hjemmeside.</source>
        <translation>Opening hours are on the library&apos;s website.</translation>
    </message>
    <message>
        <source>Du kan ikke komme ind nu</source>
        <translation>You cannot come in now</translation>
    </message>
    <message>
        <source>Kom, når personalet er her, så hjælper vi dig.</source>
        <translation>Come when the staff are here, and we will help you.</translation>
    </message>
    <message>
        <source>Sundhedskort eller lånerkort. Bagefter din pinkode.</source>
        <translation>Health card or library card. Then your PIN.</translation>
    </message>
    <message>
        <source>Pinkode og kort</source>
        <translation>PIN and card</translation>
    </message>
    <message>
        <source>Tast din pinkode</source>
        <translation>Enter your PIN</translation>
    </message>
    <message>
        <source>Tast pinkoden igen</source>
        <translation>Enter your PIN again</translation>
    </message>
    <message>
        <source>Vi slår dig op.</source>
        <translation>We are looking you up.</translation>
    </message>
    <message>
        <source>Velkommen indenfor</source>
        <translation>Welcome</translation>
    </message>
    <message>
        <source>Døren er låst op.</source>
        <translation>The door is unlocked.</translation>
    </message>
    <message>
        <source>Kortet kunne ikke læses</source>
        <translation>The card could not be read</translation>
    </message>
    <message>
        <source>Tør det af, og prøv igen.</source>
        <translation>Wipe it dry and try again.</translation>
    </message>
    <message>
        <source>Døren er stadig låst</source>
        <translation>The door is still locked</translation>
    </message>
    <message>
        <source>Prøv igen om et kvarter.</source>
        <translation>Try again in a quarter of an hour.</translation>
    </message>
    <message>
        <source>Døren kan ikke åbne lige nu</source>
        <translation>The door cannot open right now</translation>
    </message>
    <message>
        <source>Der er ingen forbindelse. Prøv igen om lidt.</source>
        <translation>There is no connection. Try again shortly.</translation>
    </message>
    <message>
        <source>Døren virker ikke lige nu</source>
        <translation>The door is not working right now</translation>
    </message>
    <message>
        <source>Prøv igen om lidt, eller kom, når personalet er her.</source>
        <translation>Try again shortly, or come when the staff are here.</translation>
    </message>
</context>
</TS>
