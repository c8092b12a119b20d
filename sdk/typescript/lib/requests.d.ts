export declare const requests: {
  postEvent: {
    method: "POST";
    path: string;
    accept: string;
    isRepeatable: true;
  };
  listEvents: {
    method: "GET";
    path: string;
    accept: string;
    isRepeatable: true;
  };
  postEvents: {
    method: "POST";
    path: string;
    isLines: true;
    accept: string;
    isRepeatable: true;
  };
  tailEvents: {
    method: "GET";
    path: string;
    accept: string;
    isRepeatable: true;
  };
  listSessions: {
    method: "GET";
    path: string;
    accept: string;
    isRepeatable: true;
  };
  getSession: {
    method: "GET";
    path: string;
    accept: string;
    isRepeatable: true;
  };
  getSnapshot: {
    method: "GET";
    path: string;
    accept: string;
    isRepeatable: true;
  };
  verifySession: {
    method: "GET";
    path: string;
    accept: string;
    isRepeatable: true;
  };
  getReplay: {
    method: "GET";
    path: string;
    accept: string;
    isRepeatable: true;
  };
  postReplay: {
    method: "POST";
    path: string;
    accept: string;
    isRepeatable: false;
  };
  mintSessionToken: {
    method: "POST";
    path: string;
    accept: string;
    isRepeatable: true;
  };
  decide: {
    method: "POST";
    path: string;
    accept: string;
    isRepeatable: true;
  };
  getManifest: {
    method: "GET";
    path: string;
    accept: string;
    isRepeatable: true;
  };
  validateManifest: {
    method: "POST";
    path: string;
    accept: string;
    isRepeatable: true;
  };
  showManifest: {
    method: "POST";
    path: string;
    accept: string;
    isRepeatable: true;
  };
  askApproval: {
    method: "POST";
    path: string;
    accept: string;
    isRepeatable: false;
  };
  listApprovals: {
    method: "GET";
    path: string;
    accept: string;
    isRepeatable: true;
  };
  getApproval: {
    method: "GET";
    path: string;
    accept: string;
    isRepeatable: true;
  };
  decideApproval: {
    method: "POST";
    path: string;
    accept: string;
    isRepeatable: false;
  };
  health: {
    method: "GET";
    path: string;
    accept: string;
    isRepeatable: true;
  };
  ready: {
    method: "GET";
    path: string;
    accept: string;
    isRepeatable: true;
  };
  openApi: {
    method: "GET";
    path: string;
    accept: string;
    isRepeatable: true;
  };
};
