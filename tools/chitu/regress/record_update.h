#pragma once

#include <string>
#include <vector>

#include "tools/chitu/regress/case_run.h"
#include "tools/chitu/regress/record_store.h"
#include "tools/chitu/regress/regress_case.h"

namespace chitu::tools {

/// How an update treats approved sums.
struct ApprovalRules {
  bool add = false;            ///< keep the earlier sums of this key beside the new ones
  bool forget_others = false;  ///< drop the sums of other keys
};

/// The record of a case that has none.
StoredRecord new_record(const RegressCase& regress_case, const CaseOutcome& outcome);

/// What an update makes of a record.
struct RecordUpdate {
  StoredRecord stored;
  bool frames_replaced = false;
  std::vector<std::string> notes{};  ///< such as sums of other keys that may be out of date
};

/// The record with the figures of this run. Sums of this key are replaced unless the frames are
/// approved already. The stored frames stay while the new ones are approved beside them: by the
/// tolerance of the case, for a key without sums. Figures are those of the first key; under another
/// one they stay while they are within the tolerance.
RecordUpdate updated_record(const RegressCase& regress_case, const StoredRecord& before,
                            const CaseOutcome& outcome, const ApprovalRules& rules);

/// The lines that differ between two texts, as "- " and "+ ", with two lines around each change and
/// "  ..." where others are left out.
std::string line_diff(const std::string& before, const std::string& after);

}  // namespace chitu::tools
