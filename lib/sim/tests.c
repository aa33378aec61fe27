#include "sim/tests.h"

/* clang-format off */

enum { NONE = SIM_NONE };

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* chemistry; themes: 1 liver, 2 kidney, 3 inflammation, 4 metabolic, 5 muscle and pancreas */

enum {
    CHEM_NA, CHEM_K, CHEM_CO2, CHEM_AGAP, CHEM_CL, CHEM_UREA, CHEM_CREA, CHEM_GLU, CHEM_ALT, CHEM_AST, CHEM_ALP,
    CHEM_GGT, CHEM_TBIL, CHEM_DBIL, CHEM_LDH, CHEM_TP, CHEM_ALB, CHEM_GLOB, CHEM_CHOL, CHEM_HDL, CHEM_TRIG, CHEM_LDL,
    CHEM_CRP, CHEM_CA, CHEM_MG, CHEM_PHOS, CHEM_UA, CHEM_CK, CHEM_LIP, CHEM_AMY, CHEM_TESTS
};

static const struct sim_test chemistry[CHEM_TESTS] = {
    [CHEM_NA] = {"NA", "Sodium", "2951-2", "mmol/L", 0, {136, 145}, .worst = {108, 172},
                 .critical = {120, 160}, .measured = {80, 180}, .panel = 1},
    [CHEM_K] = {"K", "Potassium", "2823-3", "mmol/L", 1, {35, 51}, .worst = {21, 82},
                .critical = {28, 62}, .measured = {15, 100}, .panel = 1, .theme = 2,
                .note = "HEMOLYSIS INDEX CHECKED"},
    [CHEM_CO2] = {"CO2", "Carbon dioxide, total", "2028-9", "mmol/L", 0, {22, 29}, .worst = {6, 46},
                  .critical = {10, 40}, .measured = {5, 50}, .panel = 1, .theme = -2},
    [CHEM_AGAP] = {"AGAP", "Anion gap", "33037-3", "mmol/L", 0, {8, 16}, .worst = {4, 34}, .panel = 1, .theme = 2},
    [CHEM_CL] = {"CL", "Chloride", "2075-0", "mmol/L", 0, {98, 107}, .worst = {70, 140},
                 .critical = {80, 120}, .measured = {60, 140}, .panel = 1},
    [CHEM_UREA] = {"UREA", "Urea", "22664-7", "mmol/L", 1, {28, 81}, .worst = {8, 520},
                   .critical = {NONE, 357}, .measured = {5, 400}, .panel = 1, .theme = 2},
    [CHEM_CREA] = {"CREA", "Creatinine", "14682-9", "umol/L", 0, {62, 106}, .worst = {20, 1350}, .women = {44, 80},
                   .critical = {NONE, 442}, .measured = {5, 2200}, .panel = 1, .theme = 2},
    [CHEM_GLU] = {"GLU", "Glucose", "14749-6", "mmol/L", 1, {39, 56}, .worst = {14, 440},
                  .critical = {25, 250}, .measured = {6, 417}, .panel = 1, .theme = 4},
    [CHEM_ALT] = {"ALT", "Alanine aminotransferase", "1742-6", "U/L", 0, {NONE, 50}, .worst = {3, 2600},
                  .women = {NONE, 35}, .measured = {5, 700}, .panel = 2, .theme = 1},
    [CHEM_AST] = {"AST", "Aspartate aminotransferase", "1920-8", "U/L", 0, {NONE, 40}, .worst = {4, 2400},
                  .women = {NONE, 32}, .measured = {5, 700}, .panel = 2, .theme = 1},
    [CHEM_ALP] = {"ALP", "Alkaline phosphatase", "6768-6", "U/L", 0, {40, 129}, .worst = {15, 900}, .women = {35, 104},
                  .measured = {5, 1200}, .panel = 2, .theme = 1},
    [CHEM_GGT] = {"GGT", "Gamma-glutamyltransferase", "2324-2", "U/L", 0, {NONE, 60}, .worst = {2, 1500},
                  .women = {NONE, 40}, .measured = {3, 1200}, .panel = 2, .theme = 1},
    [CHEM_TBIL] = {"TBIL", "Bilirubin, total", "14631-6", "umol/L", 1, {NONE, 210}, .worst = {15, 4200},
                   .critical = {NONE, 2570}, .measured = {25, 5500}, .panel = 2, .theme = 1},
    [CHEM_DBIL] = {"DBIL", "Bilirubin, direct", "14629-0", "umol/L", 1, {NONE, 50}, .worst = {3, 3000},
                   .measured = {12, 2500}, .panel = 2, .theme = 1},
    [CHEM_LDH] = {"LDH", "Lactate dehydrogenase", "2532-0", "U/L", 0, {135, 225}, .worst = {90, 2500},
                  .women = {135, 214}, .measured = {10, 1000}, .panel = 2, .theme = 1},
    [CHEM_TP] = {"TP", "Protein, total", "2885-2", "g/L", 0, {64, 83}, .worst = {40, 110}, .measured = {2, 120},
                 .panel = 3},
    [CHEM_ALB] = {"ALB", "Albumin", "1751-7", "g/L", 0, {35, 52}, .worst = {14, 60}, .measured = {2, 60},
                  .panel = 3, .theme = -1},
    [CHEM_GLOB] = {"GLOB", "Globulin, calculated", "10834-0", "g/L", 0, {22, 38}, .worst = {10, 70}, .panel = 3},
    [CHEM_CHOL] = {"CHOL", "Cholesterol", "14647-2", "mmol/L", 2, {NONE, 520}, .worst = {150, 1400},
                   .measured = {10, 2070}, .mean = 455, .sd = 55, .panel = 4, .theme = 4},
    [CHEM_HDL] = {"HDL", "HDL cholesterol", "14646-4", "mmol/L", 2, {100, NONE}, .worst = {40, 320},
                  .women = {120, NONE}, .measured = {8, 388}, .mean = 150, .sd = 25, .panel = 4, .theme = -4},
    [CHEM_TRIG] = {"TRIG", "Triglycerides", "14927-8", "mmol/L", 2, {NONE, 170}, .worst = {30, 1400},
                   .measured = {10, 1000}, .mean = 110, .sd = 30, .panel = 4, .theme = 4,
                   .note = "LDL CALCULATED: DOUBTFUL WHERE TRIG > 4.5"},
    [CHEM_LDL] = {"LDLC", "LDL cholesterol, calculated", "39469-2", "mmol/L", 2, {NONE, 340}, .worst = {20, 1200},
                  .measured = {10, 1420}, .mean = 255, .sd = 60, .panel = 4},
    [CHEM_CRP] = {"CRP", "C-reactive protein", "1988-5", "mg/L", 1, {NONE, 50}, .worst = {1, 4200},
                  .measured = {6, 3500}, .mean = 20, .sd = 9, .panel = 5, .theme = 3},
    [CHEM_CA] = {"CA", "Calcium", "2000-8", "mmol/L", 2, {215, 255}, .worst = {140, 390},
                 .critical = {165, 325}, .measured = {20, 500}, .panel = 6},
    [CHEM_MG] = {"MG", "Magnesium", "2601-3", "mmol/L", 2, {66, 107}, .worst = {30, 260},
                 .critical = {40, 195}, .measured = {10, 200}, .panel = 6},
    [CHEM_PHOS] = {"PHOS", "Phosphate", "14879-1", "mmol/L", 2, {81, 145}, .worst = {30, 350},
                   .critical = {32, 290}, .measured = {10, 646}, .panel = 6, .theme = 2},
    [CHEM_UA] = {"UA", "Urate", "14933-6", "umol/L", 0, {202, 417}, .worst = {60, 900}, .women = {143, 339},
                 .measured = {12, 1487}, .panel = 7, .theme = 2},
    [CHEM_CK] = {"CK", "Creatine kinase", "2157-6", "U/L", 0, {39, 308}, .worst = {12, 18000}, .women = {26, 192},
                 .measured = {7, 2000}, .panel = 7, .theme = 5},
    [CHEM_LIP] = {"LIP", "Lipase", "3040-3", "U/L", 0, {13, 60}, .worst = {2, 2400},
                  .measured = {3, 300}, .panel = 7, .theme = 5},
    [CHEM_AMY] = {"AMY", "Amylase", "1798-8", "U/L", 0, {28, 100}, .worst = {8, 1900},
                  .measured = {3, 1500}, .panel = 7, .theme = 5},
};

static void chemistry_derive(int64_t *v)
{
    v[CHEM_CL] = v[CHEM_NA] - v[CHEM_CO2] - v[CHEM_AGAP];
    if (v[CHEM_DBIL] * 10 > v[CHEM_TBIL] * 9)
        v[CHEM_DBIL] = v[CHEM_TBIL] * 9 / 10;
    if (v[CHEM_ALB] > v[CHEM_TP] - 10)
        v[CHEM_ALB] = v[CHEM_TP] - 10;
    v[CHEM_GLOB] = v[CHEM_TP] - v[CHEM_ALB];
    v[CHEM_LDL] = v[CHEM_CHOL] - v[CHEM_HDL] - v[CHEM_TRIG] * 10 / 22;
    if (v[CHEM_LDL] < 20)
        v[CHEM_LDL] = 20;
}

/* hematology; themes: 1 anemia, 2 infection, 3 low platelets, 4 allergy */

enum {
    HEMA_WBC, HEMA_RBC, HEMA_HGB, HEMA_HCT, HEMA_MCV, HEMA_MCH, HEMA_MCHC, HEMA_RDW, HEMA_PLT, HEMA_MPV, HEMA_PDW,
    HEMA_PCT, HEMA_NEUT, HEMA_LYMPH, HEMA_MONO, HEMA_EO, HEMA_BASO, HEMA_IG, HEMA_NEUT_P, HEMA_LYMPH_P, HEMA_MONO_P,
    HEMA_EO_P, HEMA_BASO_P, HEMA_IG_P, HEMA_NRBC_P, HEMA_TESTS
};

static const struct sim_test hematology[HEMA_TESTS] = {
    [HEMA_WBC] = {"WBC", "Leukocytes", "6690-2", "10*3/uL", 2, {400, 1000}, .worst = {40, 9000},
                  .critical = {150, 3000}, .measured = {3, 44000}, .theme = 2},
    [HEMA_RBC] = {"RBC", "Erythrocytes", "789-8", "10*6/uL", 2, {430, 580}, .worst = {140, 720}, .women = {390, 520},
                  .measured = {1, 860}, .theme = -1},
    [HEMA_HGB] = {"HGB", "Hemoglobin", "718-7", "g/dL", 1, {135, 172}, .worst = {20, 250}, .women = {120, 155},
                  .critical = {70, 200}, .measured = {1, 260}},
    [HEMA_HCT] = {"HCT", "Hematocrit", "4544-3", "%", 1, {400, 505}, .worst = {80, 750}, .women = {360, 460},
                  .critical = {200, 600}},
    [HEMA_MCV] = {"MCV", "Mean corpuscular volume", "787-2", "fL", 1, {810, 980}, .worst = {580, 1250}, .theme = -1},
    [HEMA_MCH] = {"MCH", "Mean corpuscular hemoglobin", "785-6", "pg", 1, {270, 335}, .worst = {150, 450}},
    [HEMA_MCHC] = {"MCHC", "Mean corpuscular hemoglobin concentration", "786-4", "g/dL", 1, {320, 360},
                   .worst = {270, 375}, .note = "COLD AGGLUTININS?"},
    [HEMA_RDW] = {"RDW-CV", "Erythrocyte distribution width", "788-0", "%", 1, {115, 145}, .worst = {105, 290},
                  .theme = 1},
    [HEMA_PLT] = {"PLT", "Platelets", "777-3", "10*3/uL", 0, {150, 400}, .worst = {3, 1600},
                  .critical = {20, 1000}, .measured = {2, 5000}, .theme = -3},
    [HEMA_MPV] = {"MPV", "Mean platelet volume", "32623-1", "fL", 1, {75, 115}, .worst = {55, 150}, .theme = 3},
    [HEMA_PDW] = {"PDW", "Platelet distribution width", "32207-3", "fL", 1, {90, 170}, .worst = {70, 250}, .theme = 3},
    [HEMA_PCT] = {"PCT", "Plateletcrit", NULL, "%", 2, {15, 38}, .worst = {1, 150}},
    [HEMA_NEUT] = {"NEUT#", "Neutrophils", "751-8", "10*3/uL", 2, {180, 720}, .worst = {0, 9000},
                   .critical = {50, NONE}},
    [HEMA_LYMPH] = {"LYMPH#", "Lymphocytes", "731-0", "10*3/uL", 2, {100, 400}, .worst = {0, 9000}},
    [HEMA_MONO] = {"MONO#", "Monocytes", "742-7", "10*3/uL", 2, {15, 90}, .worst = {0, 3000}},
    [HEMA_EO] = {"EO#", "Eosinophils", "711-2", "10*3/uL", 2, {0, 50}, .worst = {0, 4000}},
    [HEMA_BASO] = {"BASO#", "Basophils", "704-7", "10*3/uL", 2, {0, 15}, .worst = {0, 800}},
    [HEMA_IG] = {"IG#", "Immature granulocytes", NULL, "10*3/uL", 2, {NONE, 6}, .worst = {0, 1200}},
    [HEMA_NEUT_P] = {"NEUT%", "Neutrophils/100 leukocytes", "770-8", "%", 1, {400, 750}, .worst = {0, 1000}},
    [HEMA_LYMPH_P] = {"LYMPH%", "Lymphocytes/100 leukocytes", "736-9", "%", 1, {200, 450}, .worst = {15, 920},
                      .theme = -2},
    [HEMA_MONO_P] = {"MONO%", "Monocytes/100 leukocytes", "5905-5", "%", 1, {30, 100}, .worst = {5, 300}},
    [HEMA_EO_P] = {"EO%", "Eosinophils/100 leukocytes", "713-8", "%", 1, {0, 60}, .worst = {0, 420}, .theme = 4},
    [HEMA_BASO_P] = {"BASO%", "Basophils/100 leukocytes", "706-2", "%", 1, {0, 15}, .worst = {0, 80}},
    [HEMA_IG_P] = {"IG%", "Immature granulocytes/100 leukocytes", "71695-1", "%", 1, {NONE, 6}, .worst = {0, 120},
                   .theme = 2, .note = "LEFT SHIFT?"},
    [HEMA_NRBC_P] = {"NRBC%", "Nucleated erythrocytes/100 leukocytes", "58413-6", "/100WBC", 1, {NONE, 3},
                     .worst = {0, 150}, .mean = 0, .sd = 1},
};

static void hematology_derive(int64_t *v)
{
    int64_t others = v[HEMA_MONO_P] + v[HEMA_EO_P] + v[HEMA_BASO_P];
    if (v[HEMA_LYMPH_P] > 985 - others)
        v[HEMA_LYMPH_P] = 985 - others;
    v[HEMA_NEUT_P] = 1000 - others - v[HEMA_LYMPH_P];
    for (int i = 0; i <= HEMA_IG - HEMA_NEUT; i++)
        v[HEMA_NEUT + i] = (v[HEMA_WBC] * v[HEMA_NEUT_P + i] + 500) / 1000;
    v[HEMA_HCT] = (v[HEMA_RBC] * v[HEMA_MCV] + 500) / 1000;
    v[HEMA_HGB] = (v[HEMA_HCT] * v[HEMA_MCHC] + 500) / 1000;
    v[HEMA_MCH] = v[HEMA_HGB] * 1000 / v[HEMA_RBC];
    v[HEMA_PCT] = (v[HEMA_PLT] * v[HEMA_MPV] + 500) / 1000;
}

static void curve_add(struct sim_histogram *h, int64_t centre, int64_t width, int64_t height)
{
    for (int64_t i = 0; i < SIM_CHANNELS; i++) {
        int64_t near = width * width * 1000 / (width * width + (i - centre) * (i - centre));
        int64_t count = h->channels[i] + height * near * near * near / 1000000000;
        h->channels[i] = (unsigned char)(count < 255 ? count : 255);
    }
}

static size_t hematology_draw(const int64_t *v, struct sim_histogram *out)
{
    memcpy(out[0].name, "WBC", 4);
    curve_add(&out[0], 62, 28, v[HEMA_LYMPH_P] / 4);
    curve_add(&out[0], 112, 24, v[HEMA_MONO_P] / 4);
    curve_add(&out[0], 178, 44, v[HEMA_NEUT_P] / 4);
    memcpy(out[1].name, "RBC", 4);
    curve_add(&out[1], v[HEMA_MCV] / 10, v[HEMA_MCV] * v[HEMA_RDW] / 5000, 240);
    memcpy(out[2].name, "PLT", 4);
    curve_add(&out[2], v[HEMA_MPV] / 2, v[HEMA_PDW] / 4, v[HEMA_PLT] < 460 ? v[HEMA_PLT] / 2 : 230);
    return 3;
}

/* coagulation; themes: 1 vitamin K antagonist, 2 heparin, 3 consumption */

enum { COAG_PT, COAG_INR, COAG_PTP, COAG_APTT, COAG_FIB, COAG_DDIM, COAG_TT, COAG_AT, COAG_TESTS };

static const struct sim_test coagulation[COAG_TESTS] = {
    [COAG_PT] = {"PT", "Prothrombin time", "5902-2", "s", 1, {105, 135}, .worst = {92, 1350},
                 .critical = {NONE, 540}, .measured = {70, 1200}, .theme = 1},
    [COAG_INR] = {"INR", "INR", "6301-6", NULL, 2, {85, 115}, .worst = {70, 1200},
                  .critical = {NONE, 450}, .measured = {50, 1000}, .note = "TARGET RANGE DEPENDS ON INDICATION"},
    [COAG_PTP] = {"PT%", "Prothrombin activity (Quick)", "5894-1", "%", 0, {70, 130}, .worst = {3, 180},
                  .measured = {5, 150}},
    [COAG_APTT] = {"APTT", "Activated partial thromboplastin time", "14979-9", "s", 1, {240, 360}, .worst = {190, 2100},
                   .critical = {NONE, 900}, .measured = {60, 1800}, .theme = 2},
    [COAG_FIB] = {"FIB", "Fibrinogen", "3255-7", "g/L", 2, {180, 400}, .worst = {40, 1100},
                  .critical = {80, NONE}, .measured = {50, 900}, .panel = 1, .theme = -3},
    [COAG_DDIM] = {"DDIM", "D-dimer", "48065-7", "mg/L FEU", 2, {NONE, 50}, .worst = {5, 3800},
                   .measured = {19, 3520}, .mean = 28, .sd = 9, .panel = 2, .theme = 3},
    [COAG_TT] = {"TT", "Thrombin time", "3243-3", "s", 1, {140, 210}, .worst = {120, 1500},
                 .measured = {50, 1200}, .panel = 3, .theme = 2},
    [COAG_AT] = {"AT", "Antithrombin activity", "3174-0", "%", 0, {80, 120}, .worst = {20, 155},
                 .measured = {9, 150}, .panel = 4, .theme = -3},
};

static void coagulation_derive(int64_t *v)
{
    v[COAG_INR] = (v[COAG_PT] * 100 + 60) / 120;
    v[COAG_PTP] = 4800 / (v[COAG_PT] - 72);
}

/* urinalysis; themes: 1 infection, 2 diabetes, 3 kidney, 4 bile */

static const struct sim_choice urine_color[] = {
    {"YELLOW", "N"}, {"LIGHT YELLOW", "N"}, {"DARK YELLOW", "N"}, {"AMBER", "A"}, {"RED", "A"}, {"BROWN", "A"}, {0}};
static const struct sim_choice urine_clarity[] = {
    {"CLEAR", "N"}, {"SLIGHTLY CLOUDY", "A"}, {"CLOUDY", "A"}, {"TURBID", "A"}, {0}};
static const struct sim_choice strip[] = {{"NEG", "N"}, {"1+", "A"}, {"2+", "A"}, {"3+", "A"}, {"4+", "A"}, {0}};
static const struct sim_choice strip_trace[] = {
    {"NEG", "N"}, {"TRACE", "A"}, {"1+", "A"}, {"2+", "A"}, {"3+", "A"}, {0}};
static const struct sim_choice strip_normal[] = {{"NORMAL", "N"}, {"1+", "A"}, {"2+", "A"}, {"3+", "A"}, {0}};
static const struct sim_choice strip_positive[] = {{"NEG", "N"}, {"POS", "A"}, {0}};
static const struct sim_choice sediment[] = {
    {"NONE", "N"}, {"FEW", "N"}, {"MODERATE", "A"}, {"MANY", "A"}, {0}};
static const struct sim_choice crystals[] = {
    {"NONE", "N"}, {"CALCIUM OXALATE", "A"}, {"URIC ACID", "A"}, {"TRIPLE PHOSPHATE", "A"}, {0}};

static const struct sim_test urinalysis[] = {
    {"COL", "Color", "5778-6", .choices = urine_color, .expected = "YELLOW", .theme = 4},
    {"CLA", "Clarity", "32167-9", .choices = urine_clarity, .expected = "CLEAR", .theme = 1},
    {"SG", "Specific gravity", "5811-5", NULL, 3, {1005, 1030}, .worst = {1001, 1052}, .measured = {1000, 1050}},
    {"PH", "pH", "5803-2", NULL, 1, {50, 80}, .worst = {46, 94}, .measured = {50, 90}},
    {"LEU", "Leukocyte esterase", "5799-2", .choices = strip, .expected = "NEG", .theme = 1},
    {"NIT", "Nitrite", "5802-4", .choices = strip_positive, .expected = "NEG", .theme = 1},
    {"PRO", "Protein", "20454-5", .choices = strip_trace, .expected = "NEG", .theme = 3},
    {"GLU", "Glucose", "25428-4", .choices = strip, .expected = "NEG", .theme = 2},
    {"KET", "Ketones", "2514-8", .choices = strip_trace, .expected = "NEG", .theme = 2},
    {"UBG", "Urobilinogen", "5818-0", .choices = strip_normal, .expected = "NORMAL", .theme = 4},
    {"BIL", "Bilirubin", "5770-3", .choices = strip, .expected = "NEG", .theme = 4},
    {"BLD", "Blood", "5794-3", .choices = strip_trace, .expected = "NEG", .theme = 3},
    {"S-WBC", "Leukocytes, sediment", "5821-4", "/HPF", 0, {NONE, 5}, .worst = {0, 900}, .measured = {5, 100},
     .panel = 1, .theme = 1},
    {"S-RBC", "Erythrocytes, sediment", "13945-1", "/HPF", 0, {NONE, 3}, .worst = {0, 700}, .measured = {3, 100},
     .panel = 1, .theme = 3},
    {"S-SQEP", "Squamous epithelial cells", "11277-1", "/HPF", 0, {NONE, 5}, .worst = {0, 60}, .measured = {1, 50},
     .panel = 1, .note = "CONTAMINATED? REPEAT WITH MIDSTREAM URINE"},
    {"S-HYAL", "Hyaline casts", "5796-8", "/LPF", 0, {NONE, 2}, .worst = {0, 30}, .measured = {1, 20}, .panel = 1,
     .theme = 3},
    {"S-BACT", "Bacteria, sediment", "25145-4", .choices = sediment, .expected = "NONE", .panel = 1, .theme = 1},
    {"S-YEAST", "Yeast, sediment", NULL, .choices = sediment, .expected = "NONE", .panel = 1},
    {"S-CRYS", "Crystals, sediment", NULL, .choices = crystals, .expected = "NONE", .panel = 1},
};

/* immunoassay; themes: 1 thyroid, 2 heart, 3 iron, 4 sepsis, 5 tumour */

static const struct sim_choice reactivity[] = {{"NON-REACTIVE", "N"}, {"REACTIVE", "A"}, {0}};

static const struct sim_test immunoassay[] = {
    {"TSH", "Thyrotropin", "3016-3", "mIU/L", 3, {270, 4200}, .worst = {2, 120000}, .measured = {5, 100000},
     .mean = 1700, .sd = 600, .panel = 1, .theme = 1},
    {"FT4", "Thyroxine, free", "14920-3", "pmol/L", 1, {120, 220}, .worst = {20, 1100}, .measured = {5, 1000},
     .panel = 1, .theme = -1},
    {"FT3", "Triiodothyronine, free", "14928-6", "pmol/L", 1, {31, 68}, .worst = {5, 600}, .measured = {6, 500},
     .panel = 1, .theme = -1},
    {"TNT", "Troponin T, cardiac", "6598-7", "ug/L", 3, {NONE, 14}, .worst = {1, 12000}, .critical = {NONE, 100},
     .measured = {10, 10000}, .mean = 7, .sd = 3, .panel = 2, .theme = 2, .note = "REPEAT IN 3 H & COMPARE"},
    {"PBNP", "NT-proBNP", "33762-6", "ng/L", 0, {NONE, 125}, .worst = {3, 42000}, .measured = {5, 35000},
     .panel = 2, .theme = 2},
    {"FER", "Ferritin", "2276-4", "ug/L", 0, {30, 400}, .worst = {2, 8000}, .women = {15, 150}, .measured = {3, 2000},
     .panel = 3, .theme = -3},
    {"B12", "Cobalamin", "2132-9", "ng/L", 0, {197, 771}, .worst = {40, 2200}, .measured = {50, 2000},
     .panel = 3, .theme = -3},
    {"FOL", "Folate", "14732-2", "nmol/L", 1, {88, 454}, .worst = {10, 500}, .measured = {14, 454}, .panel = 3,
     .theme = -3},
    {"VITD", "25-Hydroxyvitamin D3", "14635-7", "nmol/L", 0, {50, 125}, .worst = {5, 400}, .measured = {8, 250},
     .panel = 3, .theme = -3},
    {"PSA", "Prostate specific antigen", "2857-1", "ug/L", 2, {NONE, 400}, .worst = {0, 18000}, .measured = {1, 10000},
     .mean = 110, .sd = 60, .panel = 4, .theme = 5, .sex = 'M'},
    {"CEA", "Carcinoembryonic antigen", "2039-6", "ug/L", 1, {NONE, 50}, .worst = {1, 15000}, .measured = {2, 10000},
     .panel = 4, .theme = 5},
    {"AFP", "Alpha-1-fetoprotein", "1834-1", "ug/L", 1, {NONE, 70}, .worst = {5, 50000}, .measured = {8, 12100},
     .panel = 4, .theme = 5},
    {"CA125", "Cancer antigen 125", "10334-1", "kU/L", 1, {NONE, 350}, .worst = {4, 60000}, .measured = {6, 50000},
     .panel = 4, .theme = 5, .sex = 'F'},
    {"HCG", "Choriogonadotropin.beta", "21198-7", "IU/L", 1, {NONE, 50}, .worst = {0, 1400000},
     .measured = {20, 100000}, .mean = 12, .sd = 8, .panel = 5, .theme = 6, .sex = 'F'},
    {"CORT", "Cortisol", "14675-3", "nmol/L", 0, {133, 537}, .worst = {2, 2000}, .measured = {3, 1750}, .panel = 5},
    {"PCT", "Procalcitonin", "33959-8", "ug/L", 2, {NONE, 5}, .worst = {1, 12000}, .critical = {NONE, 1000},
     .measured = {2, 10000}, .mean = 3, .sd = 1, .panel = 6, .theme = 4},
    {"IL6", "Interleukin 6", "26881-3", "ng/L", 1, {NONE, 70}, .worst = {5, 60000}, .measured = {15, 50000},
     .panel = 6, .theme = 4},
    {"HBSAG", "Hepatitis B surface antigen", "5196-1", .choices = reactivity, .expected = "NON-REACTIVE", .panel = 7,
     .note = "CONFIRM WITH A SECOND METHOD"},
    {"AHCV", "Hepatitis C antibodies", "13955-0", .choices = reactivity, .expected = "NON-REACTIVE", .panel = 7,
     .note = "CONFIRM WITH A SECOND METHOD"},
    {"HIVC", "HIV 1+2 antibodies and p24 antigen", "56888-1", .choices = reactivity, .expected = "NON-REACTIVE",
     .panel = 7, .note = "CONFIRM WITH A SECOND METHOD"},
};

/* bloodgas; themes: 1 respiratory, 2 metabolic, 3 bleeding, 4 smoke */

enum {
    GAS_PH, GAS_PCO2, GAS_PO2, GAS_HCO3, GAS_BE, GAS_SO2, GAS_NA, GAS_K, GAS_CA, GAS_CL, GAS_GLU, GAS_LAC, GAS_THB,
    GAS_HCT, GAS_O2HB, GAS_COHB, GAS_METHB, GAS_TEMP, GAS_FIO2, GAS_TESTS
};

static const struct sim_choice oxygen[] = {
    {"21.0", ""}, {"28.0", ""}, {"35.0", ""}, {"40.0", ""}, {"50.0", ""}, {"60.0", ""}, {"100.0", ""}, {0}};

static const struct sim_test bloodgas[GAS_TESTS] = {
    [GAS_PH] = {"PH", "pH", "2744-1", NULL, 3, {7350, 7450}, .worst = {6700, 7800},
                .critical = {7200, 7600}, .measured = {6500, 8000}},
    [GAS_PCO2] = {"PCO2", "Carbon dioxide, partial pressure", "2019-8", "mmHg", 1, {350, 450}, .worst = {140, 1150},
                  .critical = {200, 700}, .measured = {50, 2000}, .theme = 1},
    [GAS_PO2] = {"PO2", "Oxygen, partial pressure", "2703-7", "mmHg", 1, {830, 1080}, .worst = {220, 4800},
                 .critical = {400, NONE}, .measured = {50, 8000}, .theme = -1},
    [GAS_HCO3] = {"HCO3", "Bicarbonate, calculated", "1960-4", "mmol/L", 1, {220, 260}, .worst = {40, 440},
                  .theme = -2},
    [GAS_BE] = {"BE", "Base excess, calculated", "1925-7", "mmol/L", 1, {-20, 30}, .worst = {-350, 300}},
    [GAS_SO2] = {"SO2", "Oxygen saturation", "2708-6", "%", 1, {950, 990}, .worst = {200, 1000},
                 .critical = {800, NONE}},
    [GAS_NA] = {"NA", "Sodium", "2947-0", "mmol/L", 0, {136, 146}, .worst = {108, 172},
                .critical = {120, 160}, .measured = {70, 200}},
    [GAS_K] = {"K", "Potassium", "6298-4", "mmol/L", 1, {34, 45}, .worst = {18, 90},
               .critical = {28, 62}, .measured = {10, 200}, .theme = 2},
    [GAS_CA] = {"CA++", "Calcium, ionized", "1994-3", "mmol/L", 2, {115, 130}, .worst = {60, 190},
                .critical = {80, 160}, .measured = {20, 500}, .theme = -3},
    [GAS_CL] = {"CL", "Chloride", "2069-3", "mmol/L", 0, {98, 107}, .worst = {75, 130}, .measured = {40, 160}},
    [GAS_GLU] = {"GLU", "Glucose", "15074-8", "mmol/L", 1, {39, 58}, .worst = {10, 400},
                 .critical = {25, 250}, .measured = {11, 417}},
    [GAS_LAC] = {"LAC", "Lactate", "2518-9", "mmol/L", 1, {5, 16}, .worst = {2, 240},
                 .critical = {NONE, 40}, .measured = {3, 200}, .theme = 2},
    [GAS_THB] = {"THB", "Hemoglobin, total", "718-7", "g/dL", 1, {117, 174}, .worst = {42, 230},
                 .critical = {70, 200}, .measured = {40, 250}, .theme = -3},
    [GAS_HCT] = {"HCT", "Hematocrit, calculated", "20570-8", "%", 1, {352, 522}, .worst = {120, 700}},
    [GAS_O2HB] = {"O2HB", "Oxyhemoglobin", NULL, "%", 1, {930, 980}, .worst = {100, 1000}},
    [GAS_COHB] = {"COHB", "Carboxyhemoglobin", "2030-5", "%", 1, {NONE, 20}, .worst = {0, 420}, .theme = 4,
                  .critical = {NONE, 150}},
    [GAS_METHB] = {"METHB", "Methemoglobin", "2615-3", "%", 1, {NONE, 15}, .worst = {0, 300}},
    [GAS_TEMP] = {"TEMP", "Temperature of the patient", "8310-5", "Cel", 1, {0, 0}, .worst = {340, 405}, .mean = 370,
                  .sd = 6},
    [GAS_FIO2] = {"FIO2", "Oxygen, inspired", "3150-0", "%", .choices = oxygen},
};

static int64_t log10_thousandths(int64_t billionths)
{
    int64_t n = 0;
    for (int64_t x = 1000000000; x < billionths; x += x * 2305238 / 1000000000)
        n++;
    return n;
}

static void bloodgas_derive(int64_t *v)
{
    if (v[GAS_HCO3] < 180)
        v[GAS_PCO2] += v[GAS_HCO3] * 3 / 2 + 80 - 400;
    if (v[GAS_PCO2] < 100)
        v[GAS_PCO2] = 100;
    int64_t ph = 6105 + log10_thousandths(v[GAS_HCO3] * 10000000000000 / (307 * v[GAS_PCO2]));
    v[GAS_PH] = ph < 6700 ? 6700 : ph > 7800 ? 7800 : ph;
    v[GAS_BE] = 93 * ((v[GAS_HCO3] - 244) * 1000 + 148 * (v[GAS_PH] - 7400)) / 100000;
    int64_t p = v[GAS_PO2];
    int64_t hill = p * p * p / 1000 + 15 * p;
    v[GAS_SO2] = 1000 * hill / (hill + 23400);
    if (v[GAS_COHB] + v[GAS_METHB] > 500)
        v[GAS_METHB] = 500 - v[GAS_COHB];
    v[GAS_O2HB] = v[GAS_SO2] * (1000 - v[GAS_COHB] - v[GAS_METHB]) / 1000;
    v[GAS_HCT] = v[GAS_THB] * 3;
}

/* molecular; themes: one per target */

enum {
    PCR_SARS2, PCR_SARS2_N, PCR_SARS2_ORF, PCR_FLUA, PCR_FLUA_CT, PCR_FLUB, PCR_FLUB_CT, PCR_RSV, PCR_RSV_CT, PCR_IC,
    PCR_IC_CT, PCR_TESTS
};

static const struct sim_choice detection[] = {{"NOT DETECTED", "N"}, {"DETECTED", "A"}, {0}};
static const struct sim_choice control[] = {{"PASS", "N"}, {0}};

static const struct sim_test molecular[PCR_TESTS] = {
    [PCR_SARS2] = {"SARS2", "SARS-CoV-2 RNA", "94500-6", .choices = detection, .expected = "NOT DETECTED", .theme = 1,
                   .note = "DETECTED BY RT-PCR; CT < 40"},
    [PCR_SARS2_N] = {"SARS2-N-CT", "SARS-CoV-2 N gene, cycle threshold", NULL, "Ct", 1, {0, 0}, .worst = {120, 375},
                     .mean = 250, .sd = 50, .gate = PCR_SARS2 + 1},
    [PCR_SARS2_ORF] = {"SARS2-ORF-CT", "SARS-CoV-2 ORF1ab, cycle threshold", NULL, "Ct", 1, {0, 0}, .worst = {120, 395},
                       .mean = 255, .sd = 50, .gate = PCR_SARS2 + 1},
    [PCR_FLUA] = {"FLUA", "Influenza A RNA", "92142-9", .choices = detection, .expected = "NOT DETECTED", .theme = 2},
    [PCR_FLUA_CT] = {"FLUA-CT", "Influenza A, cycle threshold", NULL, "Ct", 1, {0, 0}, .worst = {120, 395},
                     .mean = 265, .sd = 45, .gate = PCR_FLUA + 1},
    [PCR_FLUB] = {"FLUB", "Influenza B RNA", "92141-1", .choices = detection, .expected = "NOT DETECTED", .theme = 3},
    [PCR_FLUB_CT] = {"FLUB-CT", "Influenza B, cycle threshold", NULL, "Ct", 1, {0, 0}, .worst = {120, 395},
                     .mean = 270, .sd = 45, .gate = PCR_FLUB + 1},
    [PCR_RSV] = {"RSV", "Respiratory syncytial virus RNA", "92131-2", .choices = detection,
                 .expected = "NOT DETECTED", .theme = 4},
    [PCR_RSV_CT] = {"RSV-CT", "Respiratory syncytial virus, cycle threshold", NULL, "Ct", 1, {0, 0},
                    .worst = {120, 395}, .mean = 260, .sd = 45, .gate = PCR_RSV + 1},
    [PCR_IC] = {"IC", "Internal control", NULL, .choices = control, .expected = "PASS"},
    [PCR_IC_CT] = {"IC-CT", "Internal control, cycle threshold", NULL, "Ct", 1, {0, 0}, .worst = {240, 360},
                   .mean = 290, .sd = 12},
};

static void molecular_derive(int64_t *v)
{
    v[PCR_SARS2_ORF] = v[PCR_SARS2_N] + (v[PCR_SARS2_ORF] - 255) / 8;
}

const struct sim_profile sim_profiles[] = {
    {"chemistry", "ChemSim 300", "4.2.1", "CS", NULL, NULL, {"SERUM", "PLASMA"},
     {"HEMOLYSIS 1+ | ICTERUS 0 | LIPEMIA 0", "HEMOLYSIS 0 | ICTERUS 0 | LIPEMIA 2+", "CLOT DETECTED & REMOVED"},
     36, 900, false, chemistry_derive, NULL, chemistry, COUNT(chemistry)},
    {"hematology", "HemaSim 5D", "2.10", "HS", "CBCDIFF", "Complete blood count with differential",
     {"EDTA BLOOD", "EDTA BLOOD"},
     {"PLT AGGREGATES? SMEAR REVIEW", "BLASTS/ABN LYMPH? SMEAR REVIEW", "SPECIMEN OLDER THAN 24 H"},
     60, 600, false, hematology_derive, hematology_draw, hematology, COUNT(hematology)},
    {"coagulation", "CoagSim 50", "1.7.3", "KS", NULL, NULL, {"CITRATE PLASMA", "CITRATE PLASMA"},
     {"TUBE FILLED TO 85 %", "ANTICOAGULANT THERAPY REPORTED", "SLIGHT HEMOLYSIS, OPTICAL CLOT READ"},
     90, 1500, false, coagulation_derive, NULL, coagulation, COUNT(coagulation)},
    {"urinalysis", "UriSim 2000", "3.0.4", "US", "URINE", "Urinalysis, strip and sediment", {"URINE", "URINE"},
     {"MIDSTREAM; RECEIVED > 2 H AFTER COLLECTION", "CATHETER URINE", "VOLUME < 3 mL, NOT CENTRIFUGED"},
     45, 480, false, NULL, NULL, urinalysis, COUNT(urinalysis)},
    {"immunoassay", "ImmunoSim 8", "5.1.0", "IS", NULL, NULL, {"SERUM", "SERUM"},
     {"BIOTIN INTAKE REPORTED", "FIBRIN STRAND, RECENTRIFUGED & RERUN", "HETEROPHILE ANTIBODIES?"},
     80, 2400, false, NULL, NULL, immunoassay, COUNT(immunoassay)},
    {"bloodgas", "GasSim 90", "1.2", "GS", "BGA", "Blood gas analysis", {"ARTERIAL BLOOD", "CAPILLARY BLOOD"},
     {"AIR BUBBLE REMOVED", "SAMPLE ON ICE", "TEMPERATURE ENTERED AT BEDSIDE"},
     300, 240, false, bloodgas_derive, NULL, bloodgas, COUNT(bloodgas)},
    {"molecular", "PcrSim 16", "6.4b", "PS", "RESP4", "Respiratory viruses, four targets",
     {"NASOPHARYNGEAL SWAB", "SALIVA"},
     {"SWAB WITHOUT MEDIUM, ELUTED IN LAB", "POOLED | 1 OF 4", "VISCOUS, DILUTED 1:2"},
     600, 3600, true, molecular_derive, NULL, molecular, COUNT(molecular)},
};

const size_t sim_profiles_count = COUNT(sim_profiles);
