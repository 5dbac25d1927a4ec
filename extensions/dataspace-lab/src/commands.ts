/** The ids of all commands, as a menu, a shortcut or another extension names them. */
export namespace CommandIDs {
  export const open = 'dataspace:open';
  export const find = 'dataspace:find';
  export const refresh = 'dataspace:refresh';
  export const openPage = 'dataspace:open-page';

  export const openDataset = 'dataspace:open-dataset';
  export const insertStarter = 'dataspace:insert-starter';
  export const newNotebook = 'dataspace:new-notebook';
  export const saveCroissant = 'dataspace:save-croissant';

  export const newStudy = 'dataspace:new-study';
  export const runStudy = 'dataspace:run-study';
  export const openReport = 'dataspace:open-report';

  export const openRequest = 'dataspace:open-request';
  export const cancelRequest = 'dataspace:cancel-request';
  export const downloadEvidence = 'dataspace:download-evidence';
  export const insertLoadCode = 'dataspace:insert-load-code';

  export const reviewRequest = 'dataspace:review-request';
  export const approveRequest = 'dataspace:approve-request';
  export const denyRequest = 'dataspace:deny-request';
  export const openHolding = 'dataspace:open-holding';
  export const openPeople = 'dataspace:open-people';
  export const revokePerson = 'dataspace:revoke-person';
  export const openPopulations = 'dataspace:open-populations';
  export const openLog = 'dataspace:open-log';
}
