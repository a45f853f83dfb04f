<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="da" sourcelanguage="da">
<context>
    <name>Farewell</name>
    <message numerus="yes">
        <source>Du har lånt %n ting.</source>
        <translation>
            <numerusform>Du har lånt %n ting.</numerusform>
            <numerusform>Du har lånt %n ting.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Du har afleveret %n ting.</source>
        <translation>
            <numerusform>Du har afleveret %n ting.</numerusform>
            <numerusform>Du har afleveret %n ting.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n ting kom ikke med.</source>
        <translation>
            <numerusform>%n ting kom ikke med.</numerusform>
            <numerusform>%n ting kom ikke med.</numerusform>
        </translation>
    </message>
</context>
</TS>
