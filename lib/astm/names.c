#include "astm/names.h"

#define NAME(name)                                                                                                     \
    {                                                                                                                  \
        sizeof ",\"" name "\":" - 1, ",\"" name "\":\""                                                                \
    }

static const struct astm_name header[] = {
    NAME("type"),
    NAME("delimiters"),
    NAME("message_control_id"),
    NAME("access_password"),
    NAME("sender"),
    NAME("sender_address"),
    NAME("field_7"),
    NAME("sender_telephone"),
    NAME("sender_characteristics"),
    NAME("receiver"),
    NAME("comment"),
    NAME("processing_id"),
    NAME("version"),
    NAME("date_and_time"),
};

static const struct astm_name patient[] = {
    NAME("type"),
    NAME("seq"),
    NAME("practice_patient_id"),
    NAME("laboratory_patient_id"),
    NAME("patient_id_3"),
    NAME("name"),
    NAME("mothers_maiden_name"),
    NAME("birth_date"),
    NAME("sex"),
    NAME("race"),
    NAME("address"),
    NAME("field_12"),
    NAME("telephone"),
    NAME("attending_physician"),
    NAME("special_1"),
    NAME("special_2"),
    NAME("height"),
    NAME("weight"),
    NAME("diagnosis"),
    NAME("medications"),
    NAME("diet"),
    NAME("practice_1"),
    NAME("practice_2"),
    NAME("admission_dates"),
    NAME("admission_status"),
    NAME("location"),
    NAME("alternative_diagnostic_code_nature"),
    NAME("alternative_diagnostic_code"),
    NAME("religion"),
    NAME("marital_status"),
    NAME("isolation_status"),
    NAME("language"),
    NAME("hospital_service"),
    NAME("hospital_institution"),
    NAME("dosage_category"),
};

static const struct astm_name order[] = {
    NAME("type"),
    NAME("seq"),
    NAME("specimen_id"),
    NAME("instrument_specimen_id"),
    NAME("universal_test_id"),
    NAME("priority"),
    NAME("requested"),
    NAME("collected"),
    NAME("collection_end"),
    NAME("volume"),
    NAME("collector"),
    NAME("action_code"),
    NAME("danger_code"),
    NAME("clinical_information"),
    NAME("received"),
    NAME("specimen_descriptor"),
    NAME("ordering_physician"),
    NAME("physician_telephone"),
    NAME("user_1"),
    NAME("user_2"),
    NAME("laboratory_1"),
    NAME("laboratory_2"),
    NAME("reported_or_modified"),
    NAME("instrument_charge"),
    NAME("instrument_section"),
    NAME("report_type"),
    NAME("field_27"),
    NAME("collection_location"),
    NAME("nosocomial_flag"),
    NAME("specimen_service"),
    NAME("specimen_institution"),
};

static const struct astm_name result[] = {
    NAME("type"),
    NAME("seq"),
    NAME("universal_test_id"),
    NAME("value"),
    NAME("units"),
    NAME("reference_ranges"),
    NAME("abnormal_flags"),
    NAME("nature_of_abnormality_testing"),
    NAME("status"),
    NAME("normative_values_changed"),
    NAME("operator"),
    NAME("started"),
    NAME("completed"),
    NAME("instrument"),
};

static const struct astm_name comment[] = {
    NAME("type"), NAME("seq"), NAME("source"), NAME("text"), NAME("comment_type"),
};

static const struct astm_name query[] = {
    NAME("type"),
    NAME("seq"),
    NAME("starting_range_id"),
    NAME("ending_range_id"),
    NAME("universal_test_id"),
    NAME("nature_of_time_limits"),
    NAME("beginning"),
    NAME("ending"),
    NAME("requesting_physician"),
    NAME("physician_telephone"),
    NAME("user_1"),
    NAME("user_2"),
    NAME("status_code"),
};

static const struct astm_name terminator[] = {
    NAME("type"),
    NAME("seq"),
    NAME("termination_code"),
};

static const struct astm_name sequence_only[] = {
    NAME("type"),
    NAME("seq"),
};

#define COUNT(names) (*count = sizeof(names) / sizeof *(names), (names))

const struct astm_name *astm_names(unsigned char type, size_t *count)
{
    switch (type) {
    case 'H':
        return COUNT(header);
    case 'P':
        return COUNT(patient);
    case 'O':
        return COUNT(order);
    case 'R':
        return COUNT(result);
    case 'C':
        return COUNT(comment);
    case 'Q':
        return COUNT(query);
    case 'L':
        return COUNT(terminator);
    case 'S':
    case 'M':
        return COUNT(sequence_only);
    default:
        *count = 1;
        return sequence_only;
    }
}
