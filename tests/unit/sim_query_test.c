#include "sim/query.h"

#include "tap.h"

static const struct sim_message by = {
    .instrument = "Sim", .version = "2", .serial = "S1", .control_id = "C7", .sent = "20260302101500"};

static void is_made(enum sim_query_kind kind, const char *specimens, const char *wanted)
{
    const struct sim_query q = {kind, &by, specimens};
    struct bytes out = {0};
    ok(bytes_puts(&out, "x") && sim_query_make(&q, &out) && bytes_append(&out, "", 1), "%s is asked for", specimens);
    is_str((const char *)out.data + 1, wanted, "and how, behind what is there");
    bytes_free(&out);
}

static void queries(void)
{
    enum sim_query_kind kind = SIM_QUERY_LAW;
    ok(sim_query_parse("qbp", &kind) && kind == SIM_QUERY_QBP && sim_query_parse("qry", &kind) &&
           kind == SIM_QUERY_QRY && sim_query_parse("law", &kind) && kind == SIM_QUERY_LAW,
       "the kinds are found");
    ok(!sim_query_parse("astm", &kind) && !sim_query_parse("", &kind) && kind == SIM_QUERY_LAW, "others are none");
    is_made(SIM_QUERY_ASTM, "a,b|c^",
            "H|\\^&|C7||Sim^2^S1|||||||P|LIS2-A2|20260302101500\rQ|1|^a\\^b&F&c&S&||ALL||||||||O\rL|1|N\r");
    is_made(SIM_QUERY_ASTM, "ALL",
            "H|\\^&|C7||Sim^2^S1|||||||P|LIS2-A2|20260302101500\rQ|1|ALL||ALL||||||||O\rL|1|N\r");
    is_made(SIM_QUERY_LAW, "a^b\r",
            "MSH|^~\\&|Sim|S1|||20260302101500||QBP^Q11^QBP_Q11|C7|P|2.5.1|||NE|AL||UNICODE UTF-8|||LAB-27^IHE\r"
            "QPD|WOS^Work Order Step^IHELAW|TC7|a\\S\\b\\X0D\\\rRCP|I||R^^HL70394\r");
    is_made(SIM_QUERY_QBP, "S",
            "MSH|^~\\&|Sim|S1|||20260302101500||QBP^Q11^QBP_Q11|C7|P|2.5.1||||||UNICODE UTF-8\r"
            "QPD|ORDERS^Orders of a specimen^99KS|TC7|S\rRCP|I\r");
    is_made(SIM_QUERY_QRY, "S",
            "MSH|^~\\&|Sim|S1|||20260302101500||QRY^Q02|C7|P|2.3.1\r"
            "QRD|20260302101500|R|D|TC7|||RD|S|OTH|||T\rQRF|Sim|||||RCT|COR|ALL\r");
}

static enum sim_answer judged(enum sim_query_kind kind, const char *specimens, const char *text, bool answers)
{
    const struct sim_query q = {kind, &by, specimens};
    const char *why;
    size_t n = strlen(text);
    unsigned char *exact = malloc(n ? n : 1);
    if (!exact)
        abort();
    memcpy(exact, text, n);
    enum sim_answer answer = sim_query_judge(&q, exact, n, answers, &why);
    bool told = why || answer == SIM_ANSWER_ORDERS || answer == SIM_ANSWER_FOLLOWS;
    free(exact);
    return told ? answer : (enum sim_answer) - 1;
}

#define MSH(type) "MSH|^~\\&|||||||" type "|1|P|2.5\r"

static void answers(void)
{
    static const struct {
        enum sim_query_kind kind;
        const char *specimens, *text;
        bool answers;
        enum sim_answer wanted;
    } cases[] = {
        {SIM_QUERY_ASTM, "a,b", "H|\\^&\rP|1\rO|1|b^1^2||^^^GLU\rL|1|N\r", false, SIM_ANSWER_ORDERS},
        {SIM_QUERY_ASTM, "a,b", "H!@#$\rO!1!a!!###GLU\rL!1\r", false, SIM_ANSWER_ORDERS},
        {SIM_QUERY_ASTM, "a,b", "H|\\^&\rO|1|c\rO|2|\rO|3\rL|1|N\r", false, SIM_ANSWER_OTHER},
        {SIM_QUERY_ASTM, "ALL", "H|\\^&\rO|1|c\rL|1|N\r", false, SIM_ANSWER_ORDERS},
        {SIM_QUERY_ASTM, "a", "H|\\^&\rL|1|I\r", false, SIM_ANSWER_NOTHING},
        {SIM_QUERY_ASTM, "a", "H|\\^&\rQ|1|^a||ALL||||||||X\rL|1|N\r", false, SIM_ANSWER_NOTHING},
        {SIM_QUERY_ASTM, "a", "", false, SIM_ANSWER_NOTHING},
        {SIM_QUERY_QBP, "a", MSH("RSP^K11") "MSA|AA|C7\rQAK|TC7|OK\rORC|NW|1\r", true, SIM_ANSWER_ORDERS},
        {SIM_QUERY_QBP, "a", MSH("RSP^K11") "MSA|AA|C7\rQAK|TC7|OK\rOBR|1|1\r", true, SIM_ANSWER_ORDERS},
        {SIM_QUERY_QBP, "a", MSH("RSP^K11") "MSA|AA|C7\rQAK|TC7|OK\rQPD|x|TC7|a\r", true, SIM_ANSWER_WRONG},
        {SIM_QUERY_QBP, "a", MSH("RSP^K11") "MSA|AA|C7\rQAK|TC7|NF\r", true, SIM_ANSWER_NOTHING},
        {SIM_QUERY_QBP, "a", MSH("RSP^K11") "MSA|AA|C7\rQAK|TC7|AE\r", true, SIM_ANSWER_WRONG},
        {SIM_QUERY_QBP, "a", MSH("RSP^K11") "MSA|AA|C7\rQAK|TC7\r", true, SIM_ANSWER_WRONG},
        {SIM_QUERY_QBP, "a", MSH("RSP^K11") "MSA|AA|C7\rQAK|C7|OK\r", true, SIM_ANSWER_WRONG},
        {SIM_QUERY_QBP, "a", MSH("RSP^K11") "MSA|AA|C7\rQAK||OK\r", true, SIM_ANSWER_WRONG},
        {SIM_QUERY_QBP, "a", MSH("RSP^K11") "MSA|AA|C7\r", true, SIM_ANSWER_WRONG},
        {SIM_QUERY_QBP, "a", MSH("ACK^Q11") "MSA|AA|C7\r", true, SIM_ANSWER_NOTHING},
        {SIM_QUERY_QBP, "a", MSH("ORU") "MSA|AA|C7\rQAK|TC7|OK\r", true, SIM_ANSWER_WRONG},
        {SIM_QUERY_QBP, "a", "", true, SIM_ANSWER_WRONG},
        {SIM_QUERY_QBP, "a", "MSH|", true, SIM_ANSWER_WRONG},
        {SIM_QUERY_LAW, "a", MSH("RSP^K11") "MSA|AA|C7\rQAK|TC7|OK\r", true, SIM_ANSWER_FOLLOWS},
        {SIM_QUERY_LAW, "a", MSH("OML^O33") "SPM|1|a\rORC|NW|1\r", false, SIM_ANSWER_ORDERS},
        {SIM_QUERY_LAW, "a", MSH("OML^O33") "SPM|1|p&q^a&r\rORC|NW|1\r", false, SIM_ANSWER_ORDERS},
        {SIM_QUERY_LAW, "a", MSH("OML^O33") "SPM|1\rSAC|||a\rORC|NW|1\r", false, SIM_ANSWER_ORDERS},
        {SIM_QUERY_LAW, "a", MSH("OML^O33") "SPM|1|b\rORC|NW|1\rOBR|1|a\r", false, SIM_ANSWER_ORDERS},
        {SIM_QUERY_LAW, "a", MSH("OML^O33") "SPM|1|b\rORC|NW|1\r", false, SIM_ANSWER_OTHER},
        {SIM_QUERY_LAW, "ALL", MSH("OML^O33") "SPM|1|b\rORC|NW|1\r", false, SIM_ANSWER_ORDERS},
        {SIM_QUERY_LAW, "a", MSH("OML^O33") "SPM|1|a\rORC|DC\r", false, SIM_ANSWER_NOTHING},
        {SIM_QUERY_LAW, "a", MSH("OML^O33") "SPM|1|a\r", false, SIM_ANSWER_NOTHING},
        {SIM_QUERY_LAW, "a", MSH("OML^O33"), false, SIM_ANSWER_OTHER},
        {SIM_QUERY_LAW, "a", MSH("ORM^O01") "OBR|1|a\r", false, SIM_ANSWER_OTHER},
        {SIM_QUERY_LAW, "a", "", false, SIM_ANSWER_OTHER},
        {SIM_QUERY_QRY, "a", MSH("QCK^Q02") "MSA|AA|C7\r", true, SIM_ANSWER_FOLLOWS},
        {SIM_QUERY_QRY, "a", MSH("QCK^Q02") "MSA|AA|C7\rQAK|TC7|OK\r", true, SIM_ANSWER_FOLLOWS},
        {SIM_QUERY_QRY, "a", MSH("QCK^Q02") "MSA|AA|C7\rQAK||NF\r", true, SIM_ANSWER_NOTHING},
        {SIM_QUERY_QRY, "a", MSH("QCK^Q02") "MSA|AA|C7\rQAK|SR|OK\r", true, SIM_ANSWER_WRONG},
        {SIM_QUERY_QRY, "a", MSH("RSP^K11") "MSA|AA|C7\rQAK|TC7|OK\r", true, SIM_ANSWER_WRONG},
        {SIM_QUERY_QRY, "a", MSH("DSR^Q03") "MSA|AA|C7\rDSP|1||x\r", true, SIM_ANSWER_ORDERS},
        {SIM_QUERY_QRY, "a", MSH("DSR^Q03") "MSA|AA|C7\rDSP|1||x\r", false, SIM_ANSWER_ORDERS},
        {SIM_QUERY_QRY, "a", MSH("DSR^Q03") "MSA|AA|C7\rQRD|1|R|D|TC7\r", false, SIM_ANSWER_NOTHING},
        {SIM_QUERY_QRY, "a", MSH("DSR^Q03") "MSA|AA|C7\rQRD|1|R|D|TC8\rDSP|1\r", false, SIM_ANSWER_OTHER},
        {SIM_QUERY_QRY, "a", MSH("DSR^Q03") "MSA|AA|C8\rDSP|1||x\r", false, SIM_ANSWER_OTHER},
        {SIM_QUERY_QRY, "a", MSH("DSR^Q03") "MSA|AA|C8\rQRD|1|R|D|TC7\rDSP|1||x\r", false, SIM_ANSWER_OTHER},
        {SIM_QUERY_QRY, "a", MSH("DSR^Q03") "QRD|1|R|D|TC7\rDSP|1||x\r", false, SIM_ANSWER_ORDERS},
        {SIM_QUERY_QRY, "a", MSH("DSR^Q03") "DSP|1||x\r", false, SIM_ANSWER_OTHER},
        {SIM_QUERY_QRY, "a", MSH("OML^O33") "SPM|1|a\rORC|NW\r", false, SIM_ANSWER_OTHER},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        is_int(judged(cases[i].kind, cases[i].specimens, cases[i].text, cases[i].answers), cases[i].wanted,
               "answer %zu, and why", i);
}

static bool says(const char *text)
{
    return sim_query_says((const unsigned char *)text, strlen(text));
}

static bool is_order(const char *text, bool any)
{
    return sim_order_is((const unsigned char *)text, strlen(text), any);
}

static void is_accepted(const char *text, const char *wanted)
{
    struct bytes out = {0};
    bool fine = bytes_puts(&out, "x") && sim_order_accept((const unsigned char *)text, strlen(text), "T", "N", &out);
    ok(fine == (wanted != NULL) && bytes_append(&out, "", 1), "an order is %s", wanted ? "accepted" : "not accepted");
    is_str((const char *)out.data + 1, wanted ? wanted : "", "and how");
    bytes_free(&out);
}

static void orders(void)
{
    ok(says(MSH("RSP^K11")) && says(MSH("QCK")) && !says(MSH("ACK^Q11")) && !says(MSH("")) && !says("x"),
       "which answers say more than a code");
    ok(is_order("MSH|^~\\&|||||||OML^O33^OML_O33|1|P|2.5.1|||NE|AL|||||LAB-28^IHE\r", false), "an order of LAW");
    ok(!is_order(MSH("OML^O33"), false) && is_order(MSH("OML^O33"), true), "one that does not say so");
    ok(!is_order(MSH("OML^O21"), true) && !is_order("", true), "no order of LAW");
    ok(!is_order("MSH|^~\\&|||||||OML^O33|1|P|2.5.1|||NE|NE|||||LAB-28^IHE\r", true), "one that wants no answer");
    is_accepted("MSH|^~\\&|A|B|C|D|2026||OML^O33^OML_O33|o^1|P^x|2.5.1|||NE|AL||8859/1|||LAB-28^IHE\rPID|1\r"
                "SPM|1|a||SER\rSAC|||a\rORC|NW|p&1|f\rOBR|1|p\rORC|CA|q\rSPM|2|b\rORC\r",
                "MSH|^~\\&|C|D|A|B|T||ORL^O34^ORL_O34|N|P^x|2.5.1|||NE|NE||8859/1|||LAB-28^IHE\rMSA|AA|o^1\r"
                "SPM|1|a||SER\rSAC|||a\rORC|OK|p&1|||SC\rORC|CR|q|||CA\rSPM|2|b\rORC|OK||||SC\r");
    is_accepted("MSH!@#%$!A!B!!!!!OML@O33!7!P!2.5.1\rORC!NW!p\r",
                "MSH!@#%$!!!A!B!T!!ORL@O34@ORL_O34!N!P!2.5.1!!!NE!NE!!!!!\rMSA!AA!7\rORC!OK!p!!!SC\r");
    is_accepted("MSH", NULL);
}

int main(void)
{
    queries();
    answers();
    orders();
    return done();
}
