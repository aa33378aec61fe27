#include "astm/names.h"

#include "tap.h"

/* Every field that the standard names, in order, from 1. */
static const char *const header[] = {
    "type",    "delimiters",       "message_control_id",     "access_password", "sender",  "sender_address",
    "field_7", "sender_telephone", "sender_characteristics", "receiver",        "comment", "processing_id",
    "version", "date_and_time",
};
static const char *const patient[] = {
    "type",
    "seq",
    "practice_patient_id",
    "laboratory_patient_id",
    "patient_id_3",
    "name",
    "mothers_maiden_name",
    "birth_date",
    "sex",
    "race",
    "address",
    "field_12",
    "telephone",
    "attending_physician",
    "special_1",
    "special_2",
    "height",
    "weight",
    "diagnosis",
    "medications",
    "diet",
    "practice_1",
    "practice_2",
    "admission_dates",
    "admission_status",
    "location",
    "alternative_diagnostic_code_nature",
    "alternative_diagnostic_code",
    "religion",
    "marital_status",
    "isolation_status",
    "language",
    "hospital_service",
    "hospital_institution",
    "dosage_category",
};
static const char *const order[] = {
    "type",
    "seq",
    "specimen_id",
    "instrument_specimen_id",
    "universal_test_id",
    "priority",
    "requested",
    "collected",
    "collection_end",
    "volume",
    "collector",
    "action_code",
    "danger_code",
    "clinical_information",
    "received",
    "specimen_descriptor",
    "ordering_physician",
    "physician_telephone",
    "user_1",
    "user_2",
    "laboratory_1",
    "laboratory_2",
    "reported_or_modified",
    "instrument_charge",
    "instrument_section",
    "report_type",
    "field_27",
    "collection_location",
    "nosocomial_flag",
    "specimen_service",
    "specimen_institution",
};
static const char *const result[] = {
    "type",
    "seq",
    "universal_test_id",
    "value",
    "units",
    "reference_ranges",
    "abnormal_flags",
    "nature_of_abnormality_testing",
    "status",
    "normative_values_changed",
    "operator",
    "started",
    "completed",
    "instrument",
};
static const char *const comment[] = {"type", "seq", "source", "text", "comment_type"};
static const char *const query[] = {
    "type",
    "seq",
    "starting_range_id",
    "ending_range_id",
    "universal_test_id",
    "nature_of_time_limits",
    "beginning",
    "ending",
    "requesting_physician",
    "physician_telephone",
    "user_1",
    "user_2",
    "status_code",
};
static const char *const terminator[] = {"type", "seq", "termination_code"};
static const char *const other[] = {"type", "seq"};

#define TYPE(letter, names)                                                                                            \
    {                                                                                                                  \
        letter, names, sizeof(names) / sizeof *(names)                                                                 \
    }

static const struct {
    unsigned char type;
    const char *const *names;
    size_t count;
} types[] = {
    TYPE('H', header), TYPE('P', patient),    TYPE('O', order), TYPE('R', result), TYPE('C', comment),
    TYPE('Q', query),  TYPE('L', terminator), TYPE('M', other), TYPE('S', other),
};

int main(void)
{
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        size_t count;
        const struct astm_name *names = astm_names(types[t].type, &count);
        is_int(count, types[t].count, "how many fields %c has", types[t].type);
        for (size_t i = 0; i < types[t].count && i < count; i++) {
            char want[64];
            snprintf(want, sizeof want, ",\"%s\":\"", types[t].names[i]);
            is_str(names[i].text, want, "%c.%zu", types[t].type, i + 1);
            is_int(names[i].len, strlen(want) - 1, "and its length");
        }
    }
    size_t count;
    astm_names('X', &count);
    is_int(count, 1, "an unknown type has a type only");
    is_str(astm_names(0, &count)->text, ",\"type\":\"", "a type of several letters likewise");
    is_int(count, 1, "and no other field");
    return done();
}
